import type { GuestInfo, Network } from '@nakhoda/schema';

/** Addresses of a NIC, as its network saw them and as the guest tells them (without link-local ones); each once. Pure. */
export function nicAddresses(mac: string, networks: readonly Network[], guest: GuestInfo | undefined): readonly string[] {
  const seen = networks.flatMap(({ addresses }) => addresses.filter((lease) => lease.mac === mac).map(({ address }) => address));
  const told = (guest?.interfaces ?? []).filter((one) => one.mac?.toLowerCase() === mac).flatMap(({ addresses }) => addresses);
  const plain = told.map((address) => address.replace(/\/\d+$/u, '')).filter((address) => !address.toLowerCase().startsWith('fe80:'));
  return [...new Set([...seen, ...plain])];
}

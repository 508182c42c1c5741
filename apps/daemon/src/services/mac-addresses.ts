import { randomBytes } from 'node:crypto';

import { NakhodaError } from '@nakhoda/schema';

import type { VmRecord } from './vm-record.ts';

/** MAC addresses of these VMs, those that their runs still have among them. Pure. */
export function takenMacs(records: Iterable<VmRecord>): Set<string> {
  return new Set(
    [...records].flatMap(({ spec, active }) => [...spec.nics, ...(active?.spec.nics ?? []), ...looseNics(spec)].map(({ mac }) => mac)),
  );
}

/** Cards that an adopted VM came with, and that no NIC of ours has taken the place of: they are in the machine, without a cable. Pure. */
export function looseNics({ adopted, vmid, nics }: VmRecord['spec']): { slot: string; mac: string }[] {
  if (adopted?.vmid !== vmid) return [];
  return adopted.found.nics.filter(({ slot }) => !nics.some((nic) => nic.slot === slot));
}

/** Locally administered unicast; `02:4e:4b` marks Nakhoda's ("NK"). Pure. */
export function macAddress(bytes: readonly [number, number, number]): string {
  return ['02', '4e', '4b', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** Random bytes of an address that is not taken. */
export function freshMacBytes(taken: ReadonlySet<string>): [number, number, number] {
  for (;;) {
    const [a = 0, b = 0, c = 0] = randomBytes(3);
    if (!taken.has(macAddress([a, b, c]))) return [a, b, c];
  }
}

/**
 * The address of a new NIC, in lower case: the one that is wanted, or one of our own. Pure.
 * @throws NakhodaError `vm.mac-taken`, `vm.spec-invalid`
 */
export function chooseMac(
  wanted: string | undefined,
  facts: { takenMacs: ReadonlySet<string>; macBytes: readonly [number, number, number] },
): string {
  const mac = wanted?.toLowerCase() ?? macAddress(facts.macBytes);
  if (facts.takenMacs.has(mac)) throw takenError(mac);
  if (mac !== '00:00:00:00:00:00') return mac;
  throw new NakhodaError('vm.spec-invalid', { message: `${mac} is nobody's MAC address.`, hint: 'Leave --mac out to get one.' });
}

/** @throws NakhodaError `vm.mac-taken` when another VM, or its run, has an address of this record */
export function refuseTakenMacs(record: VmRecord, all: Iterable<VmRecord>): void {
  const taken = takenMacs([...all].filter(({ spec }) => spec.vmid !== record.spec.vmid));
  const doubled = [...record.spec.nics, ...looseNics(record.spec)].find(({ mac }) => taken.has(mac));
  if (doubled) throw takenError(doubled.mac);
}

function takenError(mac: string): NakhodaError {
  return new NakhodaError('vm.mac-taken', {
    message: `The MAC address ${mac} belongs to a NIC that there is already.`,
    hint: 'Choose another, or leave --mac out to get one. `nakhoda nic list VM` shows those of a VM.',
  });
}

import { readFile } from 'node:fs/promises';

import type { Lease } from '@nakhoda/schema';

import { exec } from '../exec.ts';
import type { HostContext } from './host-context.ts';
import { parseIpv4 } from './ipv4.ts';

export type Address = Pick<Lease, 'mac' | 'address' | 'source'>;

/**
 * Leases in force out of dnsmasq's lease file, newest last. A line is `expiry mac address name client-id`, the
 * expiry in seconds since 1970 or 0 for one without end (dnsmasq 2.90, src/lease.c).
 */
export function parseLeases(text: string, now: Date): Address[] {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([expiry = '', mac = '', address = '']) => {
      // The DHCPv6 part has other fields, after a line `duid …`.
      if (!/^\d+$/.test(expiry) || !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac) || parseIpv4(address) === null) return [];
      const seconds = Number(expiry);
      const expired = seconds !== 0 && seconds * 1000 <= now.getTime();
      return expired ? [] : [{ seconds: seconds === 0 ? Infinity : seconds, mac: mac.toLowerCase(), address }];
    })
    .sort((a, b) => a.seconds - b.seconds)
    .map(({ mac, address }) => ({ mac, address, source: 'lease' as const }));
}

/** `parseLeases` of a file; empty where there is none yet. */
export async function readLeases(path: string, now: Date = new Date()): Promise<Address[]> {
  try {
    return parseLeases(await readFile(path, 'utf8'), now);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** IPv4 neighbours that answered at some time, out of `ip -j -4 neigh show dev BRIDGE`. */
export function parseNeighbours(json: string): Address[] {
  const entries = JSON.parse(json === '' ? '[]' : json) as { dst?: string; lladdr?: string; state?: string[] }[];
  return entries.flatMap(({ dst, lladdr, state = [] }) => {
    if (dst === undefined || lladdr === undefined || state.includes('FAILED') || state.includes('INCOMPLETE')) return [];
    return [{ mac: lladdr.toLowerCase(), address: dst, source: 'arp' as const }];
  });
}

/** `parseNeighbours` of a bridge; empty when the bridge does not exist. */
export async function readNeighbours(ctx: Pick<HostContext, 'signal'>, bridge: string): Promise<Address[]> {
  const { exitCode, stdout } = await exec(['ip', '-j', '-4', 'neigh', 'show', 'dev', bridge], {
    signal: ctx.signal,
    timeoutMs: 10_000,
    okExitCodes: [0, 1],
  });
  return exitCode === 0 ? parseNeighbours(stdout) : [];
}

/**
 * The addresses by MAC, from the source that knows best: what the agent says, else the newest lease, else what
 * ARP saw. Sorted by MAC and address.
 */
export function mergeAddresses(known: {
  agent?: readonly { mac: string; address: string }[];
  leases: readonly Address[];
  neighbours: readonly Address[];
  /** vmid by MAC. */
  vms?: ReadonlyMap<string, number>;
}): Lease[] {
  const byMac = new Map<string, Address[]>();
  for (const entry of known.neighbours) byMac.set(entry.mac, [...(byMac.get(entry.mac) ?? []), entry]);
  for (const entry of known.leases) byMac.set(entry.mac, [entry]);
  const agent = Map.groupBy(known.agent ?? [], ({ mac }) => mac.toLowerCase());
  for (const [mac, entries] of agent) {
    byMac.set(
      mac,
      entries.map(({ address }) => ({ mac, address, source: 'agent' })),
    );
  }
  return [...byMac.values()]
    .flat()
    .map((entry) => {
      const vmid = known.vms?.get(entry.mac);
      return vmid === undefined ? entry : { ...entry, vmid };
    })
    .sort((a, b) => a.mac.localeCompare(b.mac) || (parseIpv4(a.address) ?? 0) - (parseIpv4(b.address) ?? 0));
}

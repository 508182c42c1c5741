import { NakhodaError } from '@nakhoda/schema';

import type { PortPair } from './allocate-port-pair.ts';
import type { HostContext } from './host-context.ts';
import type { NetworkOwner } from './interface-names.ts';
import { checkOwner } from './interface-names.ts';
import { withKeyedLock } from './keyed-lock.ts';
import { runNetworkCommand } from './network-commands.ts';

/** The nftables table of one daemon, the only one it ever touches. */
export function guardTable(owner: NetworkOwner): string {
  checkOwner(owner);
  return `nakhoda_${owner}`;
}

/**
 * An nftables script, applied as one transaction, that lets the two ends of a tunnel hear only each other.
 * VirtualBox's end binds all addresses and takes any datagram as a frame; the relay's end is filtered by the
 * kernel too (it is connected) and guarded here all the same. Applying it twice changes nothing.
 */
export function renderGuard(owner: NetworkOwner, { localPort, peerPort }: PortPair): string {
  const table = `inet ${guardTable(owner)}`;
  return [
    ...renderTable(table),
    `add element ${table} pairs { ${peerPort} . ${localPort}, ${localPort} . ${peerPort} }`,
    `add element ${table} ports { ${localPort}, ${peerPort} }`,
    `flush chain ${table} input`,
    `add rule ${table} input iif "lo" ip saddr 127.0.0.1 ip daddr 127.0.0.1 udp sport . udp dport @pairs accept`,
    `add rule ${table} input udp dport @ports drop`,
    '',
  ].join('\n');
}

/** The script that takes a pair out again, whether it is in or not. */
export function renderGuardRemoval(owner: NetworkOwner, { localPort, peerPort }: PortPair): string {
  const table = `inet ${guardTable(owner)}`;
  const pairs = `${table} pairs { ${peerPort} . ${localPort}, ${localPort} . ${peerPort} }`;
  const ports = `${table} ports { ${localPort}, ${peerPort} }`;
  // To delete what is absent is an error; to add what is present is none.
  return [
    ...renderTable(table),
    `add element ${pairs}`,
    `delete element ${pairs}`,
    `add element ${ports}`,
    `delete element ${ports}`,
    '',
  ].join('\n');
}

function renderTable(table: string): string[] {
  return [
    `add table ${table}`,
    `add set ${table} pairs { type inet_service . inet_service; }`,
    `add set ${table} ports { type inet_service; }`,
    `add chain ${table} input { type filter hook input priority filter; policy accept; }`,
  ];
}

/** True when the guard stands; otherwise why it does not, in a sentence. */
export type GuardOutcome = { guarded: true } | { guarded: false; reason: string };

/** Sets the guard of one tunnel. A host without nftables gets the reason, not an error: the tunnel works without. */
export function ensureGuard(ctx: HostContext, options: { owner: NetworkOwner; pair: PortPair }): Promise<GuardOutcome> {
  return withKeyedLock(guardTable(options.owner), () => applyGuard(ctx, renderGuard(options.owner, options.pair)));
}

/** Takes the guard of one tunnel away, and the table with the last one. */
export function removeGuard(ctx: HostContext, options: { owner: NetworkOwner; pair: PortPair }): Promise<void> {
  const table = guardTable(options.owner);
  return withKeyedLock(table, async () => {
    const outcome = await applyGuard(ctx, renderGuardRemoval(options.owner, options.pair));
    if (!outcome.guarded) return;
    const ports = await runNetworkCommand(ctx, ['nft', '-j', 'list', 'set', 'inet', table, 'ports']);
    if (setElements(ports).length === 0) await runNetworkCommand(ctx, ['nft', 'delete', 'table', 'inet', table]);
  });
}

/** The elements in the output of `nft -j list set`. */
export function setElements(json: string): unknown[] {
  const { nftables } = JSON.parse(json) as { nftables: { set?: { elem?: unknown[] } }[] };
  return nftables.flatMap(({ set }) => set?.elem ?? []);
}

/** Whether the guard of this tunnel stands now. */
export async function observeGuard(ctx: HostContext, options: { owner: NetworkOwner; pair: PortPair }): Promise<GuardOutcome> {
  try {
    const json = await runNetworkCommand(ctx, ['nft', '-j', 'list', 'set', 'inet', guardTable(options.owner), 'ports']);
    const ports = new Set(setElements(json));
    if (ports.has(options.pair.localPort) && ports.has(options.pair.peerPort)) return { guarded: true };
    return { guarded: false, reason: unguarded('the rule is missing') };
  } catch (error) {
    return { guarded: false, reason: whyNot(error) };
  }
}

async function applyGuard(ctx: HostContext, script: string): Promise<GuardOutcome> {
  try {
    await runNetworkCommand(ctx, ['nft', '-f', '-'], { input: script });
    return { guarded: true };
  } catch (error) {
    return { guarded: false, reason: whyNot(error) };
  }
}

function whyNot(error: unknown): string {
  if (error instanceof NakhodaError && error.code === 'exec.not-found') return unguarded('nftables is not installed');
  if (error instanceof NakhodaError && error.code === 'network.failed') return unguarded(error.message);
  throw error;
}

function unguarded(why: string): string {
  return `Programs on this host, and on its networks, can put frames on the VM's network, since no firewall rule guards its UDP port: ${why}`;
}

import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { matchesName, NetworkName } from '@nakhoda/schema';

import { applyPlan, deleteLink, findLink } from './apply-plan.ts';
import { dnsmasqArgv, dnsmasqUser } from './dnsmasq-argv.ts';
import type { HelperProgram } from './helper-program.ts';
import { ensureHelper, findHelper, stopHelper } from './helper-program.ts';
import type { HostContext } from './host-context.ts';
import type { NetworkOwner } from './interface-names.ts';
import { foreignInterface, isOurBridge } from './interface-ownership.ts';
import { planBridge } from './plan-interface.ts';
import type { NetworkPlan } from './plan-network.ts';
import { udpPortsOf } from './udp-ports.ts';

/** Where a network's files are, and whose it is. */
export interface NetworkPlace {
  /** Absolute; kept over reboots: leases. */
  directory: string;
  /** Absolute; lost on reboot: records of processes, their logs. */
  runtimeDirectory: string;
  owner: NetworkOwner;
}

/**
 * Brings a network up, or back to what it should be: bridge, address, DHCP server. Does nothing to one that is
 * as it should be, and leaves nothing behind where it fails to make a new one.
 *
 * @throws NakhodaError `network.bridge-exists`, `network.failed`, `exec.not-found`.
 */
export async function ensureNetwork(ctx: HostContext, network: NetworkPlan, place: NetworkPlace): Promise<void> {
  checkName(network);
  const plan = planBridge(network, place.owner, await findLink(ctx, network.bridge));
  await using undo = new AsyncDisposableStack();
  // A DHCP server that survived its bridge listens on an interface that is no more.
  if (plan.creates) await stopDhcp(network, place);
  await applyPlan(ctx, plan, { name: network.bridge, undo });
  if (plan.creates) ctx.log(`made bridge ${network.bridge}`);
  if (network.dhcp) {
    await mkdir(place.directory, { recursive: true, mode: 0o700 });
    const ref = await ensureHelper(ctx, await dhcpServer(network, place));
    ctx.log(`DHCP from ${network.dhcp.from} to ${network.dhcp.to} on ${network.bridge} (dnsmasq, process ${ref.pid})`);
  } else {
    await stopDhcp(network, place);
  }
  undo.move();
}

/**
 * Takes a network away: DHCP server, bridge, files. A network that is not there is fine.
 * @throws NakhodaError `network.bridge-exists` when an interface of that name is not ours; it is left alone.
 */
export async function removeNetwork(ctx: HostContext, network: NetworkPlan, place: NetworkPlace): Promise<void> {
  checkName(network);
  const link = await findLink(ctx, network.bridge);
  await stopDhcp(network, place);
  if (link) {
    if (!isOurBridge(link, network.name, place.owner)) throw foreignInterface(network.bridge);
    await deleteLink(ctx, network.bridge);
    ctx.log(`removed bridge ${network.bridge}`);
  }
  await rm(leaseFilePath(network, place), { force: true });
}

export interface NetworkObservation {
  state: 'up' | 'down' | 'degraded';
  /** Why it is not up. */
  reason?: string;
}

/** How the network is now. Changes nothing. */
export async function observeNetwork(ctx: HostContext, network: NetworkPlan, place: NetworkPlace): Promise<NetworkObservation> {
  checkName(network);
  const { bridge } = network;
  const link = await findLink(ctx, bridge);
  if (!link) return { state: 'down', reason: `The bridge ${bridge} does not exist.` };
  if (!isOurBridge(link, network.name, place.owner)) {
    return { state: 'down', reason: `The interface ${bridge} exists, but this daemon did not make it.` };
  }
  if (!link.up) return { state: 'down', reason: `The bridge ${bridge} is switched off.` };
  const address = `${network.gateway}/${network.cidr.split('/')[1]}`;
  if (!link.addresses.includes(address)) return { state: 'degraded', reason: `The bridge ${bridge} lacks its address ${address}.` };
  if (network.dhcp && !(await findHelper(await dhcpServer(network, place)))) {
    return { state: 'degraded', reason: 'The DHCP server does not run, so guests get no addresses.' };
  }
  return { state: 'up' };
}

/** Where dnsmasq keeps the network's leases; see `readLeases`. */
export function leaseFilePath(network: { name: string }, place: Pick<NetworkPlace, 'directory'>): string {
  return join(place.directory, `${network.name}.leases`);
}

async function dhcpServer(network: NetworkPlan, place: NetworkPlace): Promise<HelperProgram> {
  const user = dnsmasqUser(await readFile('/etc/passwd', 'utf8'));
  return {
    ...dhcpFiles(network, place),
    argv: dnsmasqArgv(network, { leaseFile: leaseFilePath(network, place), user }),
    ready: async (ref) => (await udpPortsOf(ref.pid)).includes(67),
  };
}

async function stopDhcp(network: NetworkPlan, place: NetworkPlace): Promise<void> {
  const argv = network.dhcp ? (await dhcpServer(network, place)).argv : [];
  await stopHelper({ ...dhcpFiles(network, place), argv });
}

function dhcpFiles(network: NetworkPlan, place: NetworkPlace): { recordPath: string; logPath: string } {
  const base = join(place.runtimeDirectory, `${network.name}.dnsmasq`);
  return { recordPath: `${base}.json`, logPath: `${base}.log` };
}

/** Names become paths and arguments here, so this border does not trust its caller. */
function checkName(network: NetworkPlan): void {
  if (!matchesName(NetworkName, network.name)) throw new RangeError(`Not a network's name: ${JSON.stringify(network.name)}`);
}

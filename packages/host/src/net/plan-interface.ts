import type { HostLink } from './host-network-facts.ts';
import type { NetworkOwner } from './interface-names.ts';
import { bridgeMac, interfaceMark } from './interface-names.ts';
import { foreignInterface, isOurBridge, isOurTap } from './interface-ownership.ts';
import type { NetworkPlan } from './plan-network.ts';

/** Commands that bring one interface to what is wanted; none when it is so already. */
export interface InterfacePlan {
  /** The first command makes the interface: whoever fails later deletes it. */
  creates: boolean;
  commands: string[][];
}

/**
 * From the bridge as it is (null: there is none) to the bridge as it should be.
 * @throws NakhodaError `network.bridge-exists` when the interface is not ours.
 */
export function planBridge(network: NetworkPlan, owner: NetworkOwner, existing: HostLink | null): InterfacePlan {
  const { name, bridge } = network;
  const mark = interfaceMark(owner, name);
  const mac = bridgeMac(owner, name);
  const address = `${network.gateway}/${network.cidr.split('/')[1]}`;
  const commands: string[][] = [];
  if (!existing) {
    // Without STP and its delay a port forwards at once; a guest's first DHCP request would be lost otherwise.
    commands.push(['ip', 'link', 'add', 'name', bridge, 'address', mac, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0']);
  } else if (!isOurBridge(existing, name, owner)) {
    throw foreignInterface(bridge);
  }
  if (existing?.alias !== mark) commands.push(['ip', 'link', 'set', 'dev', bridge, 'alias', mark]);
  for (const other of existing?.addresses ?? []) {
    if (other !== address) commands.push(['ip', 'address', 'delete', other, 'dev', bridge]);
  }
  if (!existing?.addresses.includes(address)) commands.push(['ip', 'address', 'replace', address, 'dev', bridge]);
  if (!existing?.up) commands.push(['ip', 'link', 'set', 'dev', bridge, 'up']);
  return { creates: !existing, commands };
}

export interface TapSpec {
  /** See `tapName`. */
  tap: string;
  /** The bridge it becomes a port of. */
  bridge: string;
  /** The MAC of the host's end, which no guest sees; the kernel's choice when left out. */
  mac?: string;
  /** The user that may open it without being root; nobody else may then. Without one, whoever gets at /dev/net/tun. */
  user?: number;
}

/**
 * From the TAP as it is to a persistent TAP on its bridge.
 * @throws NakhodaError `network.bridge-exists` when the interface is not ours.
 */
export function planTap(spec: TapSpec, owner: NetworkOwner, existing: HostLink | null): InterfacePlan {
  const { tap, bridge, mac, user } = spec;
  const mark = interfaceMark(owner, tap);
  if (existing && !isOurTap(existing, owner)) throw foreignInterface(tap);
  // Its user cannot be changed; whoever holds it open, such as a QEMU of an older version, keeps it.
  if (existing && user !== undefined && existing.tapUser !== user && !existing.carrier) {
    const { commands } = planTap(spec, owner, null);
    return { creates: true, commands: [['ip', 'link', 'delete', 'dev', tap], ...commands] };
  }
  const commands: string[][] = [];
  if (!existing) commands.push(['ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap', ...(user === undefined ? [] : ['user', String(user)])]);
  if (existing?.alias !== mark) commands.push(['ip', 'link', 'set', 'dev', tap, 'alias', mark]);
  if (mac !== undefined && existing?.mac !== mac) commands.push(['ip', 'link', 'set', 'dev', tap, 'address', mac]);
  if (existing?.master !== bridge) commands.push(['ip', 'link', 'set', 'dev', tap, 'master', bridge]);
  if (!existing?.up) commands.push(['ip', 'link', 'set', 'dev', tap, 'up']);
  return { creates: !existing, commands };
}

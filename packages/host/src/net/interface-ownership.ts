import { NakhodaError } from '@nakhoda/schema';

import type { HostLink } from './host-network-facts.ts';
import type { NetworkOwner } from './interface-names.ts';
import { bridgeMac, interfaceMark } from './interface-names.ts';

/** Whether this is the network's bridge and this daemon made it, so that it may change and delete it. */
export function isOurBridge(link: HostLink, network: string, owner: NetworkOwner): boolean {
  if (link.kind !== 'bridge') return false;
  // No alias but our MAC: its maker died between making and marking it.
  return link.alias === interfaceMark(owner, network) || (link.alias === null && link.mac === bridgeMac(owner, network));
}

/** Whether this is a TAP that this daemon made. */
export function isOurTap(link: HostLink, owner: NetworkOwner): boolean {
  if (link.kind !== 'tun') return false;
  // Unmarked, down and on no bridge: its maker died between making and marking it.
  const halfMade = link.alias === null && !link.up && link.master === null && link.addresses.length === 0;
  return link.alias === interfaceMark(owner, link.name) || halfMade;
}

/** The error for an interface that bears our name and not our mark. */
export function foreignInterface(name: string): NakhodaError {
  return new NakhodaError('network.bridge-exists', {
    message: `An interface named ${name} exists on this host, and this daemon did not make it.`,
    hint: `Choose another name, or remove it if it is nobody's: ip link delete ${name}`,
    details: { interface: name },
  });
}

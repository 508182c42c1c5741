import type { NetworkSpec } from '@nakhoda/schema';
import { matchesName, NakhodaError, NetworkName } from '@nakhoda/schema';

import type { HostNetworkFacts } from './host-network-facts.ts';
import type { NetworkOwner } from './interface-names.ts';
import { bridgeName } from './interface-names.ts';
import { foreignInterface, isOurBridge } from './interface-ownership.ts';
import type { Ipv4Range } from './ipv4.ts';
import { contains, formatIpv4, overlaps, parseCidr, rangeOf } from './ipv4.ts';

export interface NetworkRequest {
  name: string;
  /** `10.77.0.0/24` */
  cidr: string;
  dhcp: boolean;
  /** Whose network it will be; a bridge that is left of an earlier attempt of the same owner is then no obstacle. */
  owner?: NetworkOwner;
  /** The networks that Nakhoda has already, also those that are down and so not among the host's addresses. */
  others?: readonly Pick<NetworkSpec, 'name' | 'cidr'>[];
}

export type NetworkPlan = Pick<NetworkSpec, 'name' | 'bridge' | 'cidr' | 'gateway' | 'dhcp'>;

/** RFC 1918, and RFC 6598's shared range. */
const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

/**
 * What a new network is to look like on this host: bridge `nk-<name>` with the range's first address, and DHCP
 * on the rest (from the eleventh address on where there are at least 64, so that some are left to set by hand).
 *
 * @throws NakhodaError `request.invalid` for the name, `network.cidr-invalid`, `network.cidr-overlap`, `network.bridge-exists`.
 */
export function planNetwork(request: NetworkRequest, host: HostNetworkFacts): NetworkPlan {
  const { name, owner } = request;
  if (!matchesName(NetworkName, name)) {
    throw new NakhodaError('request.invalid', {
      message: `${JSON.stringify(name.slice(0, 40))} cannot be a network's name.`,
      hint: "A network's name has 1 to 12 lower-case letters, digits and hyphens, and begins with a letter.",
    });
  }
  const range = checkRange(request.cidr);
  const bridge = bridgeName(name);
  const existing = host.links.find((link) => link.name === bridge);
  if (existing && (owner === undefined || !isOurBridge(existing, name, owner))) throw foreignInterface(bridge);
  for (const { what, range: taken } of takenRanges(request, host, existing ? bridge : null)) {
    if (!overlaps(range, taken)) continue;
    throw new NakhodaError('network.cidr-overlap', {
      message: `${request.cidr} overlaps ${what}, so this host could not tell the two apart.`,
      hint: 'Choose another private range, for example 10.78.0.0/24.',
      details: { cidr: request.cidr, overlaps: what },
    });
  }
  const size = range.last - range.first + 1;
  const from = range.first + (size >= 64 ? 10 : 2);
  return {
    name,
    bridge,
    cidr: request.cidr,
    gateway: formatIpv4(range.first + 1),
    dhcp: request.dhcp ? { from: formatIpv4(from), to: formatIpv4(range.last - 1) } : null,
  };
}

function checkRange(cidr: string): Ipv4Range {
  const invalid = (message: string, hint: string): NakhodaError => new NakhodaError('network.cidr-invalid', { message, hint });
  const parsed = parseCidr(cidr);
  if (!parsed || !cidr.includes('/')) {
    throw invalid(`${JSON.stringify(cidr.slice(0, 40))} is not an IPv4 network.`, 'Write it like 10.77.0.0/24.');
  }
  if (parsed.prefix < 16 || parsed.prefix > 29) {
    throw invalid(
      `A network of prefix length ${parsed.prefix} is too ${parsed.prefix < 16 ? 'large' : 'small'}.`,
      'Take a prefix length from /16 to /29; /24 has room for 253 guests.',
    );
  }
  const range = rangeOf(parsed);
  if (range.first !== parsed.address) {
    throw invalid(
      `${cidr} names an address inside a network, not the network.`,
      `The network is ${formatIpv4(range.first)}/${parsed.prefix}.`,
    );
  }
  if (!privateRanges.some((text) => contains(rangeOf(mustParse(text)), range))) {
    throw invalid(`${cidr} is not a private range; its addresses belong to others.`, `Take a part of ${privateRanges.join(', ')}.`);
  }
  return range;
}

function takenRanges(request: NetworkRequest, host: HostNetworkFacts, ownBridge: string | null): { what: string; range: Ipv4Range }[] {
  const taken: { what: string; range: Ipv4Range }[] = [];
  const add = (cidr: string, what: string): void => {
    const parsed = parseCidr(cidr);
    // A default route covers everything and takes nothing.
    if (parsed && parsed.prefix > 0) taken.push({ what, range: rangeOf(parsed) });
  };
  for (const other of request.others ?? []) {
    if (other.name !== request.name) add(other.cidr, `${other.cidr} of network ${other.name}`);
  }
  for (const link of host.links) {
    if (link.name === ownBridge) continue;
    for (const address of link.addresses) add(address, `${address} on interface ${link.name}`);
  }
  for (const { destination, device } of host.routes) {
    if (device !== null && device === ownBridge) continue;
    add(destination, `the route to ${destination}${device === null ? '' : ` by ${device}`}`);
  }
  return taken;
}

function mustParse(text: string): NonNullable<ReturnType<typeof parseCidr>> {
  const parsed = parseCidr(text);
  if (!parsed) throw new TypeError(`not a CIDR: ${text}`);
  return parsed;
}

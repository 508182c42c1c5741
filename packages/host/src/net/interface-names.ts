import { createHash } from 'node:crypto';

/** Which daemon an interface or a firewall table belongs to: `^[a-z0-9]{4,16}$`, see `networkOwner`. */
export type NetworkOwner = string;

const ownerPattern = /^[a-z0-9]{4,16}$/;

/** The owner's name for a daemon: 8 hexadecimal digits of its data folder's absolute path. */
export function networkOwner(dataFolder: string): NetworkOwner {
  return createHash('sha256').update(dataFolder).digest('hex').slice(0, 8);
}

/** @throws RangeError for an owner that cannot be part of an interface's alias and an nftables table's name. */
export function checkOwner(owner: NetworkOwner): void {
  if (!ownerPattern.test(owner)) throw new RangeError(`An owner is 4 to 16 lower-case letters and digits, not ${JSON.stringify(owner)}.`);
}

/** A network's bridge. Linux allows an interface 15 characters, so a network's name has at most 12. */
export function bridgeName(network: string): string {
  return `nk-${network}`;
}

/**
 * The TAP of a VM's NIC: `nk`, two letters of the owner, the vmid, `n` and the slot's digit, such as `nkfq100n0`;
 * 15 characters at most. The letters keep two daemons on one host apart, which number their VMs alike; where two
 * daemons have the same letters, the alias tells whose it is. No bridge has such a name: theirs go on with `-`.
 *
 * @param options.slot `net0` to `net9`
 * @throws RangeError for a vmid or slot outside their ranges.
 */
export function tapName(options: { owner: NetworkOwner; vmid: number; slot: string }): string {
  const { owner, vmid, slot } = options;
  checkOwner(owner);
  if (!Number.isInteger(vmid) || vmid < 100 || vmid > 999_999_999) throw new RangeError(`Not a vmid: ${vmid}`);
  if (!/^net[0-9]$/.test(slot)) throw new RangeError(`Not a NIC's slot: ${slot}`);
  const digest = createHash('sha256').update(owner).digest();
  const letters = [0, 1].map((index) => String.fromCharCode(97 + (digest.readUInt16BE(index * 2) % 26))).join('');
  return `nk${letters}${vmid}n${slot.slice(3)}`;
}

/** The alias that marks an interface as made by us. */
export function interfaceMark(owner: NetworkOwner, name: string): string {
  checkOwner(owner);
  return `nakhoda:${owner}:${name}`;
}

/**
 * The bridge's own MAC. Set when the bridge is made, so that it does not change with the bridge's ports, and so
 * that a bridge whose maker died before marking it is still known as ours.
 */
export function bridgeMac(owner: NetworkOwner, network: string): string {
  const digest = createHash('sha256').update(interfaceMark(owner, network)).digest('hex');
  // 6e: locally administered, unicast.
  return `6e:6b:${digest.slice(0, 8).replace(/(..)(?!$)/g, '$1:')}`;
}

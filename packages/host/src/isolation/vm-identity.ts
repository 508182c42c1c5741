import { createHash } from 'node:crypto';

import type { NetworkOwner } from '../net/interface-names.ts';
import { checkOwner } from '../net/interface-names.ts';

/** The user and group that a VM's processes run as. Neither is in /etc/passwd; no name is needed. */
export interface VmIdentity {
  uid: number;
  gid: number;
}

/**
 * Above systemd's ranges for containers (up to 0x6fffffff) and below its foreign range (from 0x7ffe0000); both are
 * listed in systemd's UIDS-GIDS.md. Below 2^31, because some programs take user ids for signed numbers.
 */
const firstUid = 0x7000_0000;
const uidsPerOwner = 2 ** 20;
const owners = 0xfe;

/** Whether the id is one of those that `vmIdentity` gives, of whichever daemon. */
export function isVmUid(uid: number): boolean {
  return uid >= firstUid && uid < firstUid + owners * uidsPerOwner;
}

/**
 * The identity of a VM. Pure: daemon and drivers compute it, nobody has to keep it. VMs of one daemon have the same
 * only when their vmids are a multiple of 1,048,576 apart, which the driver refuses. The VMs of two daemons on one host
 * have the same ids with a chance of 1 in 254; their files are kept apart by the private views all the same.
 *
 * @throws RangeError for an owner or vmid that is none
 */
export function vmIdentity(options: { owner: NetworkOwner; vmid: number }): VmIdentity {
  const { owner, vmid } = options;
  checkOwner(owner);
  if (!Number.isInteger(vmid) || vmid < 1) throw new RangeError(`Not a vmid: ${vmid}`);
  const block = createHash('sha256').update(`vm-identity:${owner}`).digest().readUInt32BE(0) % owners;
  const id = firstUid + block * uidsPerOwner + (vmid % uidsPerOwner);
  return { uid: id, gid: id };
}

/**
 * The identity of all VirtualBox programs of a daemon, which share one service, one registry and one list of media. No
 * VM's, as long as vmids stay below 1,048,576. Pure.
 * @throws RangeError for an owner that is none
 */
export function virtualBoxIdentity(owner: NetworkOwner): VmIdentity {
  return vmIdentity({ owner, vmid: uidsPerOwner });
}

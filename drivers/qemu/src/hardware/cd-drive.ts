import type { MachineSpec } from '@nakhoda/driver';

import { bootIndex } from './boot-order.ts';
import { cdPlace } from './disks.ts';
import type { Part, Parts } from './parts.ts';

export const cdDevice = 'cd0-device';
export const cdNode = 'cd0';

/** The block nodes of a CD's image, which is never written. */
export function cdNodes(path: string, node = cdNode): [Part, Part] {
  return [
    { 'driver': 'file', 'node-name': `${node}-file`, 'filename': path, 'read-only': true },
    // The format is named, or a guest's bytes at its start could make QEMU take it for another (CVE-2008-2004 and its kin).
    { 'driver': 'raw', 'node-name': node, 'file': `${node}-file`, 'read-only': true },
  ];
}

/** The CD drive, which every VM has. An empty one is not booted from: the BIOS would wait for a CD. */
export function cdParts(spec: Pick<MachineSpec, 'machine' | 'cdrom' | 'bootOrder'>): Parts {
  const device = { driver: 'ide-cd', id: cdDevice, ...cdPlace(spec.machine, 'cd') };
  if (spec.cdrom === null) return { devices: [device] };
  return { nodes: cdNodes(spec.cdrom), devices: [{ ...device, drive: cdNode, ...bootIndex(spec, 'cdrom') }] };
}

/** A second drive, for cloud-init, which is not booted from. */
export function cloudInitParts({ machine, cloudInit }: Pick<MachineSpec, 'machine' | 'cloudInit'>): Parts {
  if (cloudInit === undefined) return { devices: [] };
  const device = { driver: 'ide-cd', id: 'cloudinit-device', ...cdPlace(machine, 'cloudinit'), drive: 'cloudinit' };
  return { nodes: cdNodes(cloudInit, 'cloudinit'), devices: [device] };
}

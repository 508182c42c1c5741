import { join } from 'node:path';

import type { MachineSpec, NicAttachment } from '@nakhoda/driver';
import type { VmSpec } from '@nakhoda/schema';

import type { DataFolders } from '../config.ts';

/** What the store keeps of a VM under `vms/<vmid>`. */
export interface VmRecord {
  spec: VmSpec;
  /** How each NIC reaches its network on this host, by slot. Chosen once, so that a restart finds the same ports. */
  attachments: Record<string, NicAttachment>;
  /** The tiny guest's image that `--cdrom tiny` meant when the VM was made; it must stay the same one. */
  cdromPath: string | null;
}

export const vmKey = (vmid: number): string => `vms/${String(vmid).padStart(9, '0')}`;
/** Host names do not know upper and lower case apart. */
export const vmNameKey = (name: string): string => `vm-names/${name.toLowerCase()}`;

/** A VM's two private folders. */
export function vmFolders(folders: DataFolders, vmid: number): { directory: string; runtimeDirectory: string } {
  return { directory: join(folders.images, String(vmid)), runtimeDirectory: join(folders.run, 'vm', String(vmid)) };
}

/** The record in the form that drivers take: names resolved to paths. Pure. */
export function toMachineSpec(record: VmRecord, folders: DataFolders): MachineSpec {
  const { spec } = record;
  const own = vmFolders(folders, spec.vmid);
  return {
    vmid: spec.vmid,
    name: spec.name,
    uuid: spec.uuid,
    cores: spec.cores,
    memoryMiB: spec.memoryMiB,
    ...own,
    disks: spec.disks.map((disk) => ({
      slot: disk.slot,
      path: join(own.directory, disk.volume.slice(disk.volume.lastIndexOf('/') + 1)),
      format: disk.format,
      sizeBytes: disk.sizeGiB * 1024 ** 3,
    })),
    cdrom: record.cdromPath,
    nics: spec.nics.map((nic) => ({ slot: nic.slot, mac: nic.mac, attachment: record.attachments[nic.slot] ?? { kind: 'none' } })),
  };
}

import { join } from 'node:path';

import { defaultDisk, defaultHardware, defaultNic, type MachineSpec, type NicAttachment } from '@nakhoda/driver';
import { adoptedVolume, type Capabilities, type VmSpec } from '@nakhoda/schema';

import type { DataFolders } from '../config.ts';
import { cloudInitFile } from './cloud-init-file.ts';
import { defaultOptions } from './vm-defaults.ts';

/** What a machine is made from. */
export interface VmPlan {
  spec: VmSpec;
  /** How each NIC reaches its network on this host, by slot. Chosen once, so that a restart finds the same ports. */
  attachments: Record<string, NicAttachment>;
  /** The tiny guest's image that `--cdrom tiny` meant when the VM was made; it must stay the same one. */
  cdromPath: string | null;
}

/** What the present run has, where that is not what is wanted. */
export interface ActivePlan extends VmPlan {
  /** Why the run did not take a change, by the field's name in the API. */
  reasons?: Record<string, string>;
}

/** What the store keeps of a VM under `vms/<vmid>`: what is wanted. */
export interface VmRecord extends VmPlan {
  /**
   * What the present run was started with, and took since, where that is not what is wanted now. The next start
   * brings the machine in line and removes it.
   */
  active?: ActivePlan;
  /** File names of images of disks that were removed, to be deleted as soon as no run has them. */
  discarded?: string[];
}

export const vmKey = (vmid: number): string => `vms/${String(vmid).padStart(9, '0')}`;
/** Host names do not know upper and lower case apart. */
export const vmNameKey = (name: string): string => `vm-names/${name.toLowerCase()}`;

/** A VM's two private folders. */
export function vmFolders(folders: DataFolders, vmid: number): { directory: string; runtimeDirectory: string } {
  return { directory: join(folders.images, String(vmid)), runtimeDirectory: join(folders.run, 'vm', String(vmid)) };
}

/** The plan that the VM's present run has, or its next start will have when it does not run. Pure. */
export function runningPlan(record: VmRecord): VmPlan {
  return record.active ?? record;
}

/** The name of a volume's file in the VM's folder. Pure. */
export function imageFile(volume: string): string {
  return volume.slice(volume.lastIndexOf('/') + 1);
}

/** A plan in the form that drivers take: names resolved to paths. Pure. @throws NakhodaError `vm.spec-invalid` for impossible cloud-init data */
export function toMachineSpec({ spec, attachments, cdromPath }: VmPlan, folders: DataFolders): MachineSpec {
  const own = vmFolders(folders, spec.vmid);
  const cloudInit = cloudInitFile(spec, folders);
  const { vmid, name, uuid, cores, memoryMiB } = spec;
  return {
    vmid,
    name,
    uuid,
    cores,
    memoryMiB,
    ...hardwareOf(spec),
    ...own,
    disks: spec.disks.map(({ volume, sizeGiB, ...disk }) => ({
      ...disk,
      path: volume.startsWith(adoptedVolume) ? volume.slice(adoptedVolume.length) : join(own.directory, imageFile(volume)),
      sizeBytes: sizeGiB * 1024 ** 3,
    })),
    cdrom: cdromPath,
    ...(cloudInit === null ? {} : { cloudInit: cloudInit.path }),
    // A VM that was made of an adopted one is not adopted.
    ...(spec.adopted?.vmid === vmid ? { found: spec.adopted.found } : {}),
    nics: spec.nics.map(({ network: _network, ...nic }) => ({ ...nic, attachment: attachments[nic.slot] ?? { kind: 'none' } })),
  };
}

function hardwareOf(spec: VmSpec): ReturnType<typeof defaultHardware> {
  const { sockets, cpuModel, cpuLimit, cpuShares, balloonMiB, memoryMaxMiB, machine, firmware, secureBoot, tpm } = spec;
  const { display, displayMemoryMiB, bootOrder, serialPorts, audio, rng, watchdog, hostDevices } = spec;
  return {
    ...{ sockets, cpuModel, cpuLimit, cpuShares, balloonMiB, memoryMaxMiB, machine, firmware, secureBoot, tpm },
    ...{ display, displayMemoryMiB, bootOrder, serialPorts, audio, rng, watchdog, hostDevices },
  };
}

/** A record as the store has it, with what an earlier version did not know yet filled in by its defaults. Pure. */
export function completeRecord(stored: VmRecord, capabilities: Capabilities): VmRecord {
  const { active, ...wanted } = stored;
  return { ...completePlan(wanted, capabilities), ...(active ? { active: completePlan(active, capabilities) } : {}) };
}

/** A plan as the store has it, likewise filled in. Pure. */
export function completePlan<Plan extends VmPlan>(plan: Plan, { hardware }: Capabilities): Plan {
  const spec = {
    ...defaultHardware(hardware),
    ...defaultOptions,
    ...plan.spec,
    disks: plan.spec.disks.map((disk) => ({ ...defaultDisk(hardware), ...disk })),
    nics: plan.spec.nics.map((nic) => ({ ...defaultNic(hardware), ...nic })),
  };
  return { ...plan, spec };
}

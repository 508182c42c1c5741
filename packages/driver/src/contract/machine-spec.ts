import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { HardwareSupport } from '@nakhoda/schema';

import type { MachineDisk, MachineSpec } from '../driver.ts';
import { defaultDisk, defaultHardware, defaultNic } from '../hardware-defaults.ts';

export interface MachineSpecOptions {
  /** The test's own folder; short, for the sockets' sake. `images/<vmid>` and `run/<vmid>` are made in it. */
  folder: string;
  vmid: number;
  diskFormat: MachineDisk['format'];
  /** The driver's; the VM gets the default of each. */
  hardware: HardwareSupport;
  /** Absolute path of the tiny guest's ISO image, or null. */
  cdrom: string | null;
  overrides?: Partial<MachineSpec>;
}

/** A small VM for tests: 1 core, 128 MiB, one disk of 64 MiB, one NIC with no cable, its two folders made. */
export async function machineSpec(options: MachineSpecOptions): Promise<MachineSpec> {
  const { folder, vmid, diskFormat, hardware, cdrom } = options;
  const directory = join(folder, 'images', String(vmid));
  const runtimeDirectory = join(folder, 'run', String(vmid));
  await mkdir(directory, { recursive: true });
  await mkdir(runtimeDirectory, { recursive: true });
  return {
    vmid,
    name: `contract-${vmid}`,
    uuid: randomUUID(),
    cores: 1,
    memoryMiB: 128,
    ...defaultHardware(hardware),
    directory,
    runtimeDirectory,
    disks: [
      {
        slot: 'disk0',
        path: join(directory, `disk0.${diskFormat}`),
        format: diskFormat,
        sizeBytes: 64 * 1024 * 1024,
        ...defaultDisk(hardware),
      },
    ],
    cdrom,
    nics: [{ slot: 'net0', mac: macOf(vmid), attachment: { kind: 'none' }, ...defaultNic(hardware) }],
    ...options.overrides,
  };
}

/** A MAC under QEMU's prefix, the rest from the vmid, so that no two VMs of a test share one. */
function macOf(vmid: number): string {
  const pairs = [16, 8, 0].map((shift) => ((vmid >> shift) & 0xff).toString(16).padStart(2, '0'));
  return `52:54:00:${pairs.join(':')}`;
}

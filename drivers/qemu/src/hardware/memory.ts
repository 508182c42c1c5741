import type { MachineSpec } from '@nakhoda/driver';

import { type Parts, toArguments } from './parts.ts';
import { fixedPlace } from './placement.ts';

/** QEMU's name of the device that memory comes and goes by. */
export const memoryDriver = 'virtio-mem-pci';

/** The id of the device that memory comes and goes by. */
export const memoryDevice = 'memory0-device';

/**
 * MiB that such memory comes and goes in: what Linux before 5.19 can give back at a time, and a multiple of what later
 * ones can (drivers/virtio/virtio_mem.c). Told to QEMU, whose own default depends on the host.
 */
export const memoryStepMiB = 4;

/** Linux's memory block on x86: a guest cannot use what is left of one at the end of the device's range. */
const guestBlockMiB = 128;

const mebibyte = 1024 * 1024;

/** What a VM's memory is laid out by. A guest's saved memory fits no other layout. */
export interface MemoryLayout extends Pick<MachineSpec, 'memoryMaxMiB' | 'machine'> {
  /** MiB that the VM is, or was, powered on with; the rest it can get from the device. */
  baseMiB: number;
}

/** MiB that the device can give: 0 where there is none. Pure. */
export function memoryRoom({ memoryMaxMiB, baseMiB }: Pick<MemoryLayout, 'memoryMaxMiB' | 'baseMiB'>): number {
  return Math.ceil(Math.max(0, memoryMaxMiB - baseMiB) / guestBlockMiB) * guestBlockMiB;
}

/** The value of `-m`. Pure. */
export function memoryArgument(layout: MemoryLayout): string {
  const room = memoryRoom(layout);
  return room === 0 ? `size=${layout.baseMiB}M` : `size=${layout.baseMiB}M,maxmem=${layout.baseMiB + room}M`;
}

/**
 * The device that memory comes and goes by, virtio-mem, with nothing given yet. A guest that knows it (Linux since 5.8,
 * Windows with the driver viomem) takes and gives back memory in small steps; see decision 0011. Pure.
 */
export function memoryArguments(layout: MemoryLayout): string[] {
  const room = memoryRoom(layout);
  if (room === 0) return [];
  // Not `reserve: false`: for that QEMU looks into /proc, which an isolated one does not see.
  const parts: Parts = {
    objects: [{ 'qom-type': 'memory-backend-ram', 'id': 'memory0', 'size': room * mebibyte }],
    devices: [
      {
        'driver': memoryDriver,
        'id': memoryDevice,
        ...fixedPlace(layout.machine, 'memory'),
        'memdev': 'memory0',
        'block-size': memoryStepMiB * mebibyte,
        'requested-size': 0,
      },
    ],
  };
  return toArguments(parts);
}

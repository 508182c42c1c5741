import type { MachineDisk } from '@nakhoda/driver';
import type { DiskBus } from '@nakhoda/schema';

import type { Part } from './parts.ts';

/** Buses whose controller can be served by a thread of its own. */
const threadedBuses: ReadonlySet<DiskBus> = new Set<DiskBus>(['virtio', 'scsi']);

/** The first version with which every operation on disks was tried with them. What lies between was not tried. */
const firstSafe = 10;

/** The id of the thread that serves a disk. */
export function iothread(slot: string): string {
  return `${slot}-iothread`;
}

/** The thread, where the disk has one: an object that must be there before its device. */
export function iothreadObjects({ slot, iothread: wanted }: Pick<MachineDisk, 'slot' | 'iothread'>): Part[] {
  return wanted === true ? [{ 'qom-type': 'iothread', 'id': iothread(slot) }] : [];
}

/** What a disk's controller says of it. */
export function iothreadMember({ slot, iothread: wanted }: Pick<MachineDisk, 'slot' | 'iothread'>): Part {
  return wanted === true ? { iothread: iothread(slot) } : {};
}

/**
 * Why disks get no threads of their own from a QEMU of this version, as a sentence; null when they do. A list of
 * versions, because no schema tells of it: QEMU 7.2 takes the threads, and then dies or hangs in block jobs, exports
 * and snapshots (seen with 7.2.22; 8.x and 9.x were not tried). Pure.
 */
export function iothreadProblem(version: string | null): string | null {
  const major = Number(version?.split('.')[0] ?? Number.NaN);
  if (major >= firstSafe) return null;
  return `QEMU ${version ?? 'of unknown version'} can die or hang when a disk with a thread of its own is snapshotted or copied; QEMU ${firstSafe} is the first that was tried with it.`;
}

/** Why the disk's bus takes none, as a sentence; null when it does. */
export function iothreadBusProblem({ bus, iothread: wanted }: Pick<MachineDisk, 'bus' | 'iothread'>): string | null {
  return wanted !== true || threadedBuses.has(bus) ? null : `A disk on ${bus} has no thread of its own.`;
}

import type { MachineDisk } from '@nakhoda/driver';
import type { Snapshot } from '@nakhoda/schema';

import type { DiskState } from './machine-media.ts';
import type { KnownMachine } from './machines.ts';
import { chainOf, type MediaTree } from './media-tree.ts';
import type { Parts } from './parts.ts';

/**
 * The disks that each snapshot has, by its UUID: those whose image is in one of its drives, or below one. Pure.
 * @param states what the machine's file says of its snapshots' drives
 */
export function disksOfSnapshots<Disk extends Pick<MachineDisk, 'path'>>(
  states: readonly DiskState[],
  media: MediaTree,
  disks: readonly Disk[],
): Map<string, Disk[]> {
  const found = new Map<string, Disk[]>();
  for (const { snapshot, disks: images } of states) {
    if (snapshot === null) continue;
    const paths = new Set(images.flatMap((uuid) => chainOf(media, uuid)).map(({ path }) => path));
    found.set(
      snapshot,
      disks.filter(({ path }) => paths.has(path)),
    );
  }
  return found;
}

/** Those of the disks that a snapshot has, or may have where the machine's file does not tell. */
export async function heldDisks<Disk extends Pick<MachineDisk, 'path'>>(
  { machines }: Pick<Parts, 'machines'>,
  machine: KnownMachine,
  disks: readonly Disk[],
): Promise<Disk[]> {
  if (machine.observed?.snapshots.length === 0) return [];
  const held = await disksBySnapshot({ machines }, machine, disks);
  const isTold = machine.observed?.snapshots.every(({ uuid }) => held.has(uuid)) ?? false;
  return isTold ? disks.filter((disk) => [...held.values()].some((one) => one.includes(disk))) : [...disks];
}

async function disksBySnapshot<Disk extends Pick<MachineDisk, 'path'>>(
  { machines }: Pick<Parts, 'machines'>,
  machine: KnownMachine,
  disks: readonly Disk[],
): Promise<Map<string, Disk[]>> {
  const paths = disks.map(({ path }) => path);
  return disksOfSnapshots((await machines.mediaOf(machine)).states, await machines.mediaAround(machine.vmid, paths), disks);
}

/** The snapshots with the slots of the disks that each has, of those that the machine has now. */
export async function withSlots(
  parts: Pick<Parts, 'machines'>,
  machine: KnownMachine,
  snapshots: readonly Snapshot[],
): Promise<Snapshot[]> {
  if (snapshots.length === 0) return [];
  const held = await disksBySnapshot(parts, machine, machine.spec.disks);
  const uuids = new Map((machine.observed?.snapshots ?? []).map(({ name, uuid }) => [name, uuid]));
  return snapshots.map((snapshot) => {
    const disks = held.get(uuids.get(snapshot.name) ?? '');
    return disks === undefined ? snapshot : { ...snapshot, disks: disks.map(({ slot }) => slot) };
  });
}

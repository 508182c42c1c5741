import { randomUUID } from 'node:crypto';

import type { Snapshot } from '@nakhoda/schema';

import type { ObservedMachine, ObservedSnapshot } from './machine-file.ts';

/**
 * VirtualBox keeps the memory of every snapshot that it takes of a running VM. For those that were asked for
 * without, this key in the VM's extra data, followed by the snapshot's UUID, says that theirs is not to be used.
 */
export const disksOnlyKey = 'Nakhoda/DisksOnly/';

/** No user's snapshot has such a name, and these are never shown. */
const hiddenPrefix = '.nakhoda-';
const copyPrefix = `${hiddenPrefix}clone-`;
const basePrefix = `${hiddenPrefix}base-`;

/** The name of a snapshot that freezes a running VM's disks while they are copied for a clone. */
export function copySnapshotName(cloneVmid: number): string {
  return `${copyPrefix}${cloneVmid}`;
}

export function isCopySnapshot(name: string): boolean {
  return name.startsWith(copyPrefix);
}

/**
 * The name of a snapshot that linked clones of a stopped VM grow from. VirtualBox lets no image be in a VM's drive that
 * others grow from (7.2.22: after the service's next start that VM would be inaccessible), so the drive gets an image above.
 */
export function newBaseSnapshotName(): string {
  return basePrefix + randomUUID();
}

export function isBaseSnapshot(name: string): boolean {
  return name.startsWith(basePrefix);
}

export function isHiddenSnapshot(name: string): boolean {
  return name.startsWith(hiddenPrefix);
}

type SnapshotTree = Pick<ObservedMachine, 'snapshots' | 'currentSnapshotUuid'>;

/** The snapshots without those that clones need: what grows from such a one grows from its parent. Pure. */
export function visibleSnapshots({ snapshots, currentSnapshotUuid }: SnapshotTree): SnapshotTree {
  const byUuid = new Map(snapshots.map((snapshot) => [snapshot.uuid, snapshot]));
  const visible = (uuid: string | null): string | null => {
    const snapshot = uuid === null ? undefined : byUuid.get(uuid);
    return snapshot && isHiddenSnapshot(snapshot.name) ? visible(snapshot.parentUuid) : uuid;
  };
  return {
    snapshots: snapshots
      .filter(({ name }) => !isHiddenSnapshot(name))
      .map((snapshot) => ({ ...snapshot, parentUuid: visible(snapshot.parentUuid) })),
    currentSnapshotUuid: visible(currentSnapshotUuid),
  };
}

/** Whether rolling back to the snapshot brings the guest's memory back. */
export function hasMemory(machine: ObservedMachine, snapshot: ObservedSnapshot): boolean {
  return snapshot.memory && machine.extraData[disksOnlyKey + snapshot.uuid] === undefined;
}

/** The tree as the contract tells it: oldest first, and a parent always before its children. */
export function listSnapshots(machine: ObservedMachine): Snapshot[] {
  const visible = visibleSnapshots(machine);
  const { snapshots, currentSnapshotUuid } = visible;
  const names = new Map(snapshots.map((snapshot) => [snapshot.uuid, snapshot.name]));
  return snapshots
    .toSorted((a, b) => notBeforeParent(visible, a) - notBeforeParent(visible, b))
    .map((snapshot) => ({
      name: snapshot.name,
      parent: snapshot.parentUuid === null ? null : (names.get(snapshot.parentUuid) ?? null),
      description: snapshot.description,
      createdAt: new Date(snapshot.takenAt).toISOString(),
      memory: hasMemory(machine, snapshot),
      current: snapshot.uuid === currentSnapshotUuid,
    }));
}

/** When a snapshot was taken; where the host's clock was set back since its parent was, not before that. Milliseconds since 1970. */
function notBeforeParent({ snapshots }: SnapshotTree, snapshot: ObservedSnapshot): number {
  const above = new Set<ObservedSnapshot>();
  let one: ObservedSnapshot | undefined = snapshot;
  while (one && !above.has(one)) {
    above.add(one);
    const parent: string | null = one.parentUuid;
    one = snapshots.find(({ uuid }) => uuid === parent);
  }
  return Math.max(...[...above].map(({ takenAt }) => takenAt));
}

/** A description as VirtualBox can keep it: its XML has no room for control characters but tab and newline. */
export function safeDescription(description: string): string {
  return description
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\t\n]|[\ufffe\uffff]/gu, '\ufffd');
}

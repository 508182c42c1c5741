import type { Snapshot } from '@nakhoda/schema';

import type { ObservedMachine, ObservedSnapshot } from './machine-file.ts';

/**
 * VirtualBox keeps the memory of every snapshot that it takes of a running VM. For those that were asked for
 * without, this key in the VM's extra data, followed by the snapshot's UUID, says that theirs is not to be used.
 */
export const disksOnlyKey = 'Nakhoda/DisksOnly/';

/** Whether rolling back to the snapshot brings the guest's memory back. */
export function hasMemory(machine: ObservedMachine, snapshot: ObservedSnapshot): boolean {
  return snapshot.memory && machine.extraData[disksOnlyKey + snapshot.uuid] === undefined;
}

/** The tree as the contract tells it: oldest first, and a parent always before its children. */
export function listSnapshots(machine: ObservedMachine): Snapshot[] {
  const names = new Map(machine.snapshots.map((snapshot) => [snapshot.uuid, snapshot.name]));
  return machine.snapshots
    .toSorted((a, b) => notBeforeParent(machine, a) - notBeforeParent(machine, b))
    .map((snapshot) => ({
      name: snapshot.name,
      parent: snapshot.parentUuid === null ? null : (names.get(snapshot.parentUuid) ?? null),
      description: snapshot.description,
      createdAt: new Date(snapshot.takenAt).toISOString(),
      memory: hasMemory(machine, snapshot),
      current: snapshot.uuid === machine.currentSnapshotUuid,
    }));
}

/** When a snapshot was taken; where the host's clock was set back since its parent was, not before that. Milliseconds since 1970. */
function notBeforeParent({ snapshots }: ObservedMachine, snapshot: ObservedSnapshot): number {
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

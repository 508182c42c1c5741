import { NakhodaError, type PendingChange, type Snapshot } from '@nakhoda/schema';

import { machineChanges } from './pending-changes.ts';
import type { VmPlan, VmRecord } from './vm-record.ts';

/**
 * Refuses a change that takes from a snapshot what it needs: a disk that it has may neither go nor grow, for a roll
 * back would bring back the former one, and the record would not tell. Pure.
 * @throws NakhodaError `snapshot.uses-disk`
 */
export function refuseSnapshotDisks(before: VmPlan, after: VmPlan, snapshots: readonly Snapshot[]): void {
  for (const disk of before.spec.disks) {
    const wanted = after.spec.disks.find(({ slot }) => slot === disk.slot);
    if (wanted && wanted.volume === disk.volume && wanted.sizeGiB === disk.sizeGiB) continue;
    const [holder] = snapshots.filter(({ disks }) => disks === undefined || disks.includes(disk.slot));
    if (!holder) continue;
    const { name } = before.spec;
    throw new NakhodaError('snapshot.uses-disk', {
      message: `${disk.slot} of ${name} is part of the snapshot ${holder.name}, so it can neither be removed nor grown.`,
      hint: `Delete the snapshots that have it first (nakhoda snapshot list ${name}).`,
    });
  }
}

/**
 * Refuses a snapshot of a VM whose disks wait for a change: at its next start the snapshot would forbid it. Pure.
 * @throws NakhodaError `snapshot.uses-disk`
 */
export function refusePendingDisks({ spec, active }: VmRecord): void {
  const waiting = active ? machineChanges(active.spec, spec).filter(isLossOrGrowth) : [];
  if (waiting.length === 0) return;
  throw new NakhodaError('snapshot.uses-disk', {
    message: `${spec.name} has a disk that is to go or to grow at its next start (${waiting.map(({ field }) => field).join(', ')}), which a snapshot now would forbid.`,
    hint: `Start it anew first, or take the change back: nakhoda vm revert ${spec.name}`,
  });
}

function isLossOrGrowth({ field, wanted }: PendingChange): boolean {
  return /^disks\.disk\d$/u.test(field) ? wanted === null : /^disks\.disk\d\.sizeGiB$/u.test(field);
}

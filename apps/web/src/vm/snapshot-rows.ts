import type { Snapshot } from '@nakhoda/schema';

/** A snapshot at its place in the tree, or the present state of the VM (`snapshot` null). */
export interface SnapshotRow {
  readonly snapshot: Snapshot | null;
  readonly level: number;
}

/**
 * The tree in the order it is drawn: each snapshot before what grew from it, and the present state below the snapshot that
 * the VM goes on from. A snapshot whose parent is not there counts as one without.
 */
export function snapshotRows(snapshots: readonly Snapshot[]): readonly SnapshotRow[] {
  const names = new Set(snapshots.map(({ name }) => name));
  const parentOf = ({ parent }: Snapshot): string | null => (parent !== null && names.has(parent) ? parent : null);
  const rows: SnapshotRow[] = [];
  const add = (parent: string | null, level: number) => {
    for (const snapshot of snapshots) {
      if (parentOf(snapshot) !== parent) continue;
      rows.push({ snapshot, level });
      if (snapshot.current) rows.push({ snapshot: null, level: level + 1 });
      add(snapshot.name, level + 1);
    }
  };
  add(null, 1);
  if (!rows.some(({ snapshot }) => snapshot === null)) rows.push({ snapshot: null, level: 1 });
  return rows;
}

import { readJsonFile, writeFileAtomic } from '@nakhoda/host';

import type { MachineSpec } from '@nakhoda/driver';

import { machinePaths } from './machine-paths.ts';
import { emptyStore, type SnapshotStore } from './snapshot-tree.ts';

export async function readSnapshots(spec: MachineSpec): Promise<SnapshotStore> {
  return (await readJsonFile<SnapshotStore>(machinePaths(spec).snapshots)) ?? emptyStore;
}

export async function writeSnapshots(spec: MachineSpec, store: SnapshotStore): Promise<void> {
  await writeFileAtomic(machinePaths(spec).snapshots, `${JSON.stringify(store, null, 2)}\n`);
}

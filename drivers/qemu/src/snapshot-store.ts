import { readJsonFile, writeFileAtomic } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { MachineSpec } from '@nakhoda/driver';

import { machinePaths } from './machine-paths.ts';
import { emptyStore, type SnapshotStore } from './snapshot-tree.ts';

/** What this driver kept before it had layers: the snapshots were inside the qcow2 images. */
interface FormerStore {
  format: 1;
  entries: { name: string }[];
}

/** The VM's snapshots; those of the former kind, which are inside its images, are not among them. */
export async function readSnapshots(spec: MachineSpec): Promise<SnapshotStore> {
  const store = await readJsonFile<SnapshotStore | FormerStore>(machinePaths(spec).snapshots);
  return store?.format === 2 ? store : emptyStore;
}

export async function writeSnapshots(spec: MachineSpec, store: SnapshotStore): Promise<void> {
  await writeFileAtomic(machinePaths(spec).snapshots, `${JSON.stringify(store, null, 2)}\n`);
}

/** @throws NakhodaError `snapshot.failed` for a VM that has snapshots inside its images: the two kinds are never mixed */
export async function refuseFormerSnapshots(spec: MachineSpec): Promise<void> {
  const path = machinePaths(spec).snapshots;
  const store = await readJsonFile<SnapshotStore | FormerStore>(path);
  if (store?.format !== 1 || store.entries.length === 0) return;
  throw new NakhodaError('snapshot.failed', {
    message: `VM ${spec.name} has snapshots inside its disk images, made by an earlier Nakhoda (${store.entries.map(({ name }) => name).join(', ')}); they cannot be mixed with today's.`,
    hint: `Stop the VM, delete them from each image with \`qemu-img snapshot -d NAME IMAGE\`, then delete ${path}.`,
  });
}

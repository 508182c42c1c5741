import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { FakeMachine } from './fake-machine.ts';

/** @throws NakhodaError `snapshot.uses-disk` when a disk is to go or to grow that a snapshot has */
export function refuseSnapshotDisks({ spec, snapshots }: FakeMachine, wanted: MachineSpec): void {
  for (const disk of spec.disks) {
    const after = wanted.disks.find(({ slot }) => slot === disk.slot);
    if (after?.path === disk.path && after.sizeBytes <= disk.sizeBytes) continue;
    if (snapshots.some(({ slots }) => slots.includes(disk.slot))) throw usesDisk(disk.slot);
  }
}

/** @throws NakhodaError `snapshot.uses-disk` for an image that may be one of a snapshot's */
export function refuseSnapshotImage({ snapshots }: FakeMachine, path: string): void {
  if (snapshots.some(({ paths }) => paths.includes(path))) throw usesDisk(path);
}

function usesDisk(what: string): NakhodaError {
  return new NakhodaError('snapshot.uses-disk', {
    message: `A snapshot has ${what} as it is.`,
    hint: "Delete the VM's snapshots first.",
  });
}

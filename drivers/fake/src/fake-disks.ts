import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';

import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

/**
 * Makes the VM's two folders and, as small placeholder files, its missing disks; what exists stays as it is.
 * Undoes what it made when it fails.
 * @returns the paths of the disks that were made
 * @throws NakhodaError `storage.failed`
 */
export function makeDisks(spec: MachineSpec): string[] {
  using undo = new DisposableStack();
  const made: string[] = [];
  try {
    for (const folder of [spec.directory, spec.runtimeDirectory]) {
      const first = mkdirSync(folder, { recursive: true });
      if (first !== undefined) undo.defer(() => rmSync(first, { recursive: true }));
    }
    for (const { path, slot, sizeBytes } of spec.disks) {
      try {
        writeFileSync(path, `A disk of the fake hypervisor: ${slot}, ${sizeBytes} bytes\n`, { flag: 'wx', mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        throw error;
      }
      undo.defer(() => rmSync(path));
      made.push(path);
    }
  } catch (error) {
    throw new NakhodaError('storage.failed', {
      message: `The disks of VM ${spec.vmid} could not be made: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'Look at the folder that the message names.',
      cause: error,
    });
  }
  undo.move();
  return made;
}

/** Deletes the disks that were made, and the two folders where nothing else is in them. */
export function deleteDisks(spec: MachineSpec, made: readonly string[]): void {
  for (const path of made) rmSync(path, { force: true });
  for (const folder of [spec.directory, spec.runtimeDirectory]) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

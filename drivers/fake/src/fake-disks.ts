import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';

import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

/** Bytes that the placeholder of a disk tells, as an image's header would. */
export function fakeImageSize(path: string): number {
  return Number(/, (\d+) bytes$/u.exec(readFileSync(path, 'utf8').trimEnd())?.[1]);
}

const placeholder = ({ slot, sizeBytes }: MachineSpec['disks'][number]): string =>
  `A disk of the fake hypervisor: ${slot}, ${sizeBytes} bytes\n`;

/**
 * Makes the VM's two folders and, as small placeholder files, its missing disks; what is too small is grown.
 * Undoes what it made when it fails.
 * @returns the paths of the disks that were made
 * @throws NakhodaError `storage.failed`; `vm.spec-invalid` where a disk is to become smaller
 */
export function makeDisks(spec: MachineSpec): string[] {
  using undo = new DisposableStack();
  const made: string[] = [];
  try {
    for (const folder of [spec.directory, spec.runtimeDirectory]) {
      const first = mkdirSync(folder, { recursive: true });
      if (first !== undefined) undo.defer(() => rmSync(first, { recursive: true }));
    }
    for (const disk of spec.disks) {
      const { path } = disk;
      try {
        writeFileSync(path, placeholder(disk), { flag: 'wx', mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const former = fakeImageSize(path);
        if (former > disk.sizeBytes) throw smallerError(disk, former);
        if (former === disk.sizeBytes) continue;
        undo.defer(() => writeFileSync(path, placeholder({ ...disk, sizeBytes: former })));
        writeFileSync(path, placeholder(disk));
        continue;
      }
      undo.defer(() => rmSync(path));
      made.push(path);
    }
  } catch (error) {
    if (error instanceof NakhodaError) throw error;
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

function smallerError({ slot, sizeBytes }: MachineSpec['disks'][number], former: number): NakhodaError {
  return new NakhodaError('vm.spec-invalid', {
    message: `The image of ${slot} has ${former} bytes, and is not made smaller: ${sizeBytes} bytes were asked for.`,
    hint: 'Ask for at least what it has.',
  });
}

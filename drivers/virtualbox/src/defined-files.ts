import { isDeepStrictEqual } from 'node:util';

import type { MachineSpec } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';

import { fileStamp } from './file-cache.ts';
import { machineFilePath } from './register.ts';

/**
 * Which machines are known to be as their spec says, because they were made of it and their file has not been written
 * since, by whomever. Then VBoxManage need not be asked to make them so: a call costs 50 ms. Lasts as long as the daemon;
 * VirtualBox writes the file with every run of the VM, so this is for what follows its making.
 */
export class DefinedFiles {
  readonly #made = new Map<number, { stamp: string; spec: MachineSpec }>();

  /** The machine has just been made as the spec says. */
  async note(spec: MachineSpec): Promise<void> {
    const stamp = await fileStamp(machineFilePath(spec));
    if (stamp !== null) this.#made.set(spec.vmid, { stamp, spec });
  }

  /** Whether it still is so, with all its disks. */
  async hold(spec: MachineSpec): Promise<boolean> {
    const made = this.#made.get(spec.vmid);
    if (made === undefined || !isDeepStrictEqual(made.spec, spec)) return false;
    const paths = spec.disks.map(({ path }) => path);
    const there = await Promise.all(paths.map((path) => fileExists(path)));
    if (made.stamp === (await fileStamp(machineFilePath(spec))) && there.every(Boolean)) return true;
    this.#made.delete(spec.vmid);
    return false;
  }
}

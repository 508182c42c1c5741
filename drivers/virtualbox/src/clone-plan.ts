import { basename, join, resolve } from 'node:path';

import type { MachineDisk, MachineStatus } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { DiskState } from './machine-media.ts';
import { chainOf } from './media-tree.ts';
import type { KnownMedium, MediaTree } from './media-tree.ts';

/** A disk of the clone's, and the images that hold what it begins with: the upper before the lower. */
export interface DiskOrigin {
  disk: MachineDisk;
  chain: KnownMedium[];
}

type Disks = readonly MachineDisk[];

/**
 * Where the clone's disks come from: for each, what the source had in the same slot. Pure.
 * @throws NakhodaError `vm.wrong-state` when the source had no such disk then
 */
export function diskOrigins(options: {
  disks: Disks;
  source: { disks: Disks; directory: string };
  state: DiskState;
  media: MediaTree;
  what: string;
}): DiskOrigin[] {
  const { source } = options;
  const chains = options.state.disks.map((uuid) => chainOf(options.media, uuid));
  return options.disks.map((disk) => {
    // A snapshot may have a disk that the VM has no longer, because it was rolled back to an earlier one.
    const path = source.disks.find(({ slot }) => slot === disk.slot)?.path ?? join(source.directory, basename(disk.path));
    const chain = chains.find((images) => images.some((image) => image.path === path));
    if (chain) return { disk, chain };
    throw new NakhodaError('vm.wrong-state', {
      message: `${options.what} has no disk in ${disk.slot}.`,
      hint: 'Take a snapshot of the VM as it is now, and clone that.',
    });
  });
}

/** Whether all processes that write to the disks have to be kept from it by a snapshot, while the disks are copied. */
export type SourceAccess = 'still' | 'frozen';

/**
 * How the source's disks are read. Pure.
 * @throws NakhodaError `vm.wrong-state` when they cannot be, or will not stay as they are
 */
export function sourceAccess(status: MachineStatus, options: { snapshot: string | null; linked: boolean }): SourceAccess {
  if (options.snapshot !== null) return 'still';
  const { state, vmid } = status;
  const runs = state === 'running' || state === 'paused';
  if (options.linked && (status.pid !== undefined || state !== 'stopped' || status.suspended)) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${vmid} is ${state === 'stopped' && status.suspended ? 'suspended' : state}, so its disks go on changing under a linked clone.`,
      hint: 'Stop it first, name a snapshot, or make a full clone.',
    });
  }
  if (runs) return 'frozen';
  if (status.pid === undefined) return 'still';
  throw new NakhodaError('vm.wrong-state', {
    message: `VM ${vmid} is ${state}, so its disks cannot be copied now.`,
    hint: 'Wait until it runs or is stopped, and try again.',
  });
}

/** The file with the variables of UEFI and the TPM's memory, which exists only of a machine that has any. Pure. */
export function nvramPath(machineFolder: string, state: Pick<DiskState, 'nvram'>): string {
  return resolve(machineFolder, state.nvram ?? `${basename(machineFolder)}.nvram`);
}

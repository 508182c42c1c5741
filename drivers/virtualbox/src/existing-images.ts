import type { MachineDisk } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { imageSize } from './image-facts.ts';
import type { ObservedMachine } from './machine-file.ts';
import type { Machines } from './machines.ts';
import { topOf } from './media-tree.ts';
import { readVdiHeader } from './vdi-header.ts';

/** Bytes of each disk's image that exists, by its path; null where they are not known. */
export async function existingImages(disks: readonly Pick<MachineDisk, 'path'>[]): Promise<Map<string, number | null>> {
  const found = new Map<string, number | null>();
  for (const { path } of disks) {
    if (await fileExists(path)) found.set(path, await imageSize(path));
  }
  return found;
}

/**
 * The images in which a linked clone's disks are written to, by the disks' paths. A disk's own image stays as it was
 * made, so that VirtualBox never merges it away: when a snapshot goes, it merges two images into the larger one of them.
 */
export async function linkedImages(
  machines: Machines,
  observed: ObservedMachine | null,
  disks: readonly Pick<MachineDisk, 'path'>[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { path } of disks) {
    if (!(await readVdiHeader(path))?.parentUuid) continue;
    const inDrive = observed?.attachments.find(({ baseLocation }) => baseLocation === path)?.linkedImage;
    const image = inDrive ?? topOf(await machines.media(), path)?.path;
    if (image !== undefined) found.set(path, image);
  }
  return found;
}

/**
 * VirtualBox resizes an image above a smaller one, and then reads past the end of that (VERR_INVALID_PARAMETER, 7.2.22).
 * @throws NakhodaError `vm.unsupported` when the disk of a linked clone is to grow
 */
export async function refuseLinkedGrowth(disks: readonly Pick<MachineDisk, 'slot' | 'path' | 'sizeBytes'>[]): Promise<void> {
  for (const { slot, path, sizeBytes } of disks) {
    const header = await readVdiHeader(path);
    if (header?.parentUuid && header.sizeBytes < sizeBytes) throw noLinkedGrowth(slot, header.sizeBytes);
  }
}

/** What is told of a linked clone's disk that is to be larger than what it grows from. */
export function noLinkedGrowth(slot: string, sizeBytes: number): NakhodaError {
  return new NakhodaError('vm.unsupported', {
    message: `${slot} of a linked clone keeps the size of the disk that it grows from, ${sizeBytes} bytes: VirtualBox cannot read a larger one.`,
    hint: 'Make a full clone, whose disks can grow, or add another disk.',
  });
}

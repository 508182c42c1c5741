import { access } from 'node:fs/promises';

import type { MachineDisk } from '@nakhoda/driver';

import { vdiSize } from './vdi-size.ts';

/** Bytes of each disk's image that exists, by its path; null where they are not known. */
export async function existingImages(disks: readonly Pick<MachineDisk, 'path'>[]): Promise<Map<string, number | null>> {
  const found = new Map<string, number | null>();
  for (const { path } of disks) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) found.set(path, await vdiSize(path));
  }
  return found;
}

import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { matchesName, NakhodaError, VolumeName } from '@nakhoda/schema';

import type { IsoProbe } from './probe-iso.ts';
import { probeIso } from './probe-iso.ts';

export interface Volume {
  /** Absolute, without symbolic links. */
  path: string;
  sizeBytes: number;
}

/**
 * The file behind a volume's name such as `local:iso/debian.iso`: a regular, readable file that really lies in
 * the pool's folder.
 *
 * @param pools absolute folder by pool's name
 * @throws NakhodaError `request.invalid`, `storage.not-found`, `storage.volume-not-found`, and
 * `storage.volume-refused` for a symbolic link or anything but a file.
 */
export async function resolveVolume(reference: string, pools: Readonly<Record<string, string>>): Promise<Volume> {
  if (!matchesName(VolumeName, reference)) {
    throw new NakhodaError('request.invalid', {
      message: `${JSON.stringify(reference.slice(0, 80))} is not a volume's name.`,
      hint: 'Write it like local:iso/debian.iso.',
    });
  }
  const [poolName = '', inside = ''] = reference.split(':');
  const pool = Object.hasOwn(pools, poolName) ? pools[poolName] : undefined;
  if (pool === undefined) {
    throw new NakhodaError('storage.not-found', {
      message: `There is no storage pool ${poolName}.`,
      hint: `There are: ${Object.keys(pools).join(', ')}.`,
    });
  }
  const path = join(pool, inside);
  try {
    // NONBLOCK: opening a pipe would wait for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw refused(reference, 'it is not a file');
    // A folder on the way may be a link as well. The pool itself may be reached through one.
    const real = await realpath(path);
    if (real !== join(await realpath(pool), inside)) throw refused(reference, 'it lies outside its pool, behind a symbolic link');
    return { path: real, sizeBytes: stat.size };
  } catch (error) {
    if (error instanceof NakhodaError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw refused(reference, 'it is a symbolic link');
    throw new NakhodaError('storage.volume-not-found', {
      message: code === 'ENOENT' ? `The volume ${reference} does not exist.` : `The volume ${reference} cannot be read: ${message}`,
      hint: code === 'ENOENT' ? `Put the file there: ${path}` : `Look at its owner and mode: ls -l ${path}`,
      cause: error,
    });
  }
}

/**
 * `resolveVolume`, and the file is what it must be.
 * @throws NakhodaError as `resolveVolume` and `probeIso`.
 */
export async function checkVolume(
  reference: string,
  options: { pools: Readonly<Record<string, string>>; kind: 'iso' },
): Promise<Volume & IsoProbe> {
  const volume = await resolveVolume(reference, options.pools);
  return { ...volume, ...(await probeIso(volume.path)) };
}

function refused(reference: string, why: string): NakhodaError {
  return new NakhodaError('storage.volume-refused', {
    message: `The volume ${reference} is refused: ${why}.`,
    hint: "Copy the image itself into the pool's folder.",
  });
}

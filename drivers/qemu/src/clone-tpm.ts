import { constants } from 'node:fs';
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { machinePaths } from './machine-paths.ts';

/** swtpm's state has some ten KiB. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Copies what a TPM keeps; nothing where it has never been started. swtpm replaces a file of its state as a whole
 * (libtpms' tpm2-00.permall), so that a copy of a running one is of one moment.
 *
 * The folder is the other VM's user's, who may put into it what he likes: nothing but plain files is read.
 */
export async function copyTpmState(from: MachineSpec, to: MachineSpec): Promise<void> {
  const [source, target] = [machinePaths(from).tpmState, machinePaths(to).tpmState];
  const names = (await readdir(source).catch(() => [])).filter((name) => /^tpm2-[\w.-]+$/.test(name));
  if (names.length === 0) return;
  await mkdir(target, { recursive: true, mode: 0o700 });
  for (const name of names) {
    const data = await readPlainFile(join(source, name));
    if (data) await writeFile(join(target, name), data, { mode: 0o600, flush: true });
  }
}

/** Null for what is no plain file, or has gone meanwhile. */
async function readPlainFile(path: string): Promise<Uint8Array | null> {
  try {
    // A link is not followed, and a pipe not waited for.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) return null;
    if (found.size > mostBytes) throw new NakhodaError('storage.volume-refused', tooLarge(path));
    return await file.readFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return null;
    throw error;
  }
}

function tooLarge(path: string): { message: string; hint: string } {
  return { message: `${path} is no state of a TPM: it has more than ${mostBytes} bytes.`, hint: 'Look what has put it there.' };
}

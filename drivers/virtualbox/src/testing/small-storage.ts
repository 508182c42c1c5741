import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { exec } from '@nakhoda/host';

/** An ext4 file system of so many MiB on a loop device, mounted at `folder` until it is disposed of. As root. */
export async function mountSmallStorage(folder: string, mebibytes: number): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'nk-small-'));
  undo.defer(() => rm(home, { recursive: true }));
  const file = join(home, 'file-system');
  await exec(['truncate', '-s', `${mebibytes}M`, file]);
  await exec(['mkfs.ext4', '-q', '-O', '^has_journal', '-m', '0', '-b', '4096', file]);
  await mkdir(folder, { recursive: true });
  await exec(['mount', '-o', 'loop', file, folder]);
  undo.defer(() => exec(['umount', folder]).then(() => undefined));
  return undo.move();
}

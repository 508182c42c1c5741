import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { NakhodaError } from '@nakhoda/schema';

/** New content of a file that lies ready beside it, on stable storage. */
export interface StagedFile {
  /** Puts it in the file's place at once. Who must not lose it with the power has to sync the folder, too. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Writes a file so that a reader, or a crash, sees the old content or the new, never a part. */
export async function writeFileAtomic(path: string, content: string | Uint8Array, options: { mode?: number } = {}): Promise<void> {
  await (await stageFile(path, content, options)).commit();
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** All of `writeFileAtomic` that takes time, beforehand. */
export async function stageFile(path: string, content: string | Uint8Array, options: { mode?: number } = {}): Promise<StagedFile> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const discard = (): Promise<void> => rm(temporary, { force: true });
  try {
    const file = await open(temporary, 'wx', options.mode ?? 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard();
    throw noRoomError(path, error) ?? error;
  }
  return {
    discard,
    async commit() {
      try {
        await rename(temporary, path);
      } catch (error) {
        await discard();
        throw noRoomError(path, error) ?? error;
      }
    },
  };
}

/** What a write fails with that found no room; null for other faults. */
function noRoomError(path: string, error: unknown): NakhodaError | null {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return null;
  return new NakhodaError('storage.failed', {
    message: `There is no room to write ${path}: ${code === 'ENOSPC' ? 'the storage is full' : 'the quota is used up'}. What was there before is as it was.`,
    hint: 'Make room on that file system, then try again.',
    cause: error,
  });
}

/** The file's JSON, or null when there is no such file. */
export async function readJsonFile<T>(path: string): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return JSON.parse(text) as T;
}

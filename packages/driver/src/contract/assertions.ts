import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { NakhodaError, type ErrorCode } from '@nakhoda/schema';

/** Fails unless the promise is rejected with a NakhodaError of that code that says something to its reader. */
export async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, what: string): Promise<void> {
  const error = await rejection(promise, what);
  assert.equal(error.code, code, `${what}: expected ${code}, got ${error.code}: ${error.message}`);
}

/** The NakhodaError that the promise is rejected with; fails when it is not, or when message or hint are empty. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<NakhodaError> {
  let thrown: unknown;
  try {
    await promise;
  } catch (error) {
    thrown = error;
  }
  assert.notEqual(thrown, undefined, `${what}: expected an error, but it succeeded`);
  assert.ok(thrown instanceof NakhodaError, `${what}: expected a NakhodaError, got ${String(thrown)}`);
  assert.notEqual(thrown.message.trim(), '', `${what}: the error has no message`);
  assert.notEqual(thrown.hint.trim(), '', `${what}: the error has no hint`);
  return thrown;
}

/** Paths of all that is in the folder, below it too, except the folders themselves; [] when it does not exist. */
export async function filesUnder(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

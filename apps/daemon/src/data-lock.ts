import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { NakhodaError } from '@nakhoda/schema';

/**
 * Keeps any other daemon off the data folder until released. The kernel drops the lock with the process,
 * however that ends: an exclusive SQLite transaction is Node's only way to a POSIX file lock.
 * @throws NakhodaError `daemon.already-running`
 */
export function lockDataFolder(run: string): { release(): void } {
  const lock = new DatabaseSync(join(run, 'daemon.lock'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw new NakhodaError('daemon.already-running', {
      message: `Another daemon runs on the data folder that ${run} belongs to.`,
      hint: 'Use that one, stop it with `./nakhoda down`, or choose another folder with --data.',
      cause: error,
    });
  }
  return { release: () => lock.close() };
}

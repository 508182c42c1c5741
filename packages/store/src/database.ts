import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { NakhodaError } from '@nakhoda/schema';

import { migrate } from './migrate.ts';

/** An open database: one connection, which the store and the task engine's tables share. */
export interface Database {
  readonly db: DatabaseSync;
  /** Where the file is, or ':memory:'. */
  readonly path: string;
  /** Runs statements as one transaction: all of them or, when `work` throws, none. Not nested. */
  transaction<T>(work: () => T): T;
  /**
   * Like `transaction`, but a power cut (not a crash of the daemon) can lose it. For what is only
   * informative and frequent: log lines.
   */
  relaxed<T>(work: () => T): T;
  /** Reads without a transaction. */
  read<T>(work: () => T): T;
  close(): void;
}

/** How long a statement waits for another process's lock, such as a backup's. */
const busyTimeoutMs = 5000;

/**
 * Opens the database and brings its schema up to date; makes the file (mode 0600) where there is none.
 * The folder must exist. Errors: `store.failed` when it cannot be opened or is not a database of ours,
 * `store.too-new` when a newer Nakhoda wrote it. Its content is as before in either case.
 *
 * Write-ahead log with synchronous=FULL. A killed process loses nothing that it committed even with less,
 * since the kernel has the pages; a power cut does. The task engine's row "this step has begun" must be on
 * disk before the step touches a hypervisor, or nobody would undo it, hence one fsync for each commit
 * (https://sqlite.org/pragma.html#pragma_synchronous: in WAL mode NORMAL can lose committed transactions).
 */
export function openDatabase(path: string): Database {
  try {
    return open(path);
  } catch (error) {
    throw toStoreError(error, path);
  }
}

function open(path: string): Database {
  if (path !== ':memory:') {
    // SQLite gives its -wal and -shm files the mode of the main file, so this covers all three.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
  }
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  try {
    db.exec('PRAGMA trusted_schema = OFF');
    migrate(db, path);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  } catch (error) {
    db.close();
    throw error;
  }

  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw toStoreError(error, path);
    }
  };
  const transaction = <T>(work: () => T): T =>
    guarded(() => {
      db.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        db.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLite has rolled back by itself after some errors, such as a full disk.
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    });

  return {
    db,
    path,
    transaction,
    relaxed: (work) => {
      guarded(() => db.exec('PRAGMA synchronous = NORMAL'));
      try {
        return transaction(work);
      } finally {
        db.exec('PRAGMA synchronous = FULL');
      }
    },
    read: guarded,
    close: () => {
      if (db.isOpen) db.close();
    },
  };
}

/** What SQLite or the file system threw, as a NakhodaError; errors of ours pass. */
function toStoreError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isSystemError = error instanceof Error && 'syscall' in error;
  if (code !== 'ERR_SQLITE_ERROR' && code !== 'ERR_INVALID_STATE' && !isSystemError) return error;
  return new NakhodaError('store.failed', {
    message: `The database ${path} cannot be used: ${(error as Error).message}.`,
    hint: 'Look at free space, permissions and health of the disk that holds it.',
    cause: error,
  });
}

import { chmod } from 'node:fs/promises';

import { readJsonFile, writeFileAtomic } from '@nakhoda/host';

import { noAuthRecords, type AuthRecords, type AuthStore } from './auth-store.ts';

/**
 * Keeps the records in one JSON file with mode 0600, apart from the database, so that a copy of the
 * database gives no login away. The folder must exist.
 */
export async function openFileAuthStore(path: string): Promise<AuthStore> {
  const kept = await readJsonFile<AuthRecords>(path);
  if (kept !== null) await chmod(path, 0o600);
  let records = kept ?? noAuthRecords;
  let last: Promise<unknown> = Promise.resolve();

  async function apply(change: (records: AuthRecords) => AuthRecords, before: Promise<unknown>): Promise<void> {
    await Promise.allSettled([before]);
    const next = change(records);
    if (next === records) return;
    await writeFileAtomic(path, `${JSON.stringify(next)}\n`, { mode: 0o600 });
    records = next;
  }

  return {
    read: () => records,
    update(change) {
      const done = apply(change, last);
      last = done;
      return done;
    },
  };
}

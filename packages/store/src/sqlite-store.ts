import { NakhodaError } from '@nakhoda/schema';

import { openDatabase } from './database.ts';
import type { Database } from './database.ts';
import { checkKey, encodeValue, malformed, prefixRange } from './store-key.ts';
import type { Store, StoreChange, StoreEntry, StoreTransaction } from './store.ts';
import { createWatchers } from './watchers.ts';

/** Changes are kept for this many revisions; a watcher that falls further behind reads the list again. */
const defaultHistory = 10_000;

/** Rows as SQLite gives them. */
interface EntryRow {
  key: string;
  value: string;
  revision: number;
}

/** Opens a database and a store on it; closing the store closes the database. */
export function openSqliteStore(path: string): Store {
  const database = openDatabase(path);
  const store = createSqliteStore(database);
  return {
    ...store,
    close: async () => {
      await store.close();
      database.close();
    },
  };
}

/**
 * The store on an open database, whose owner closes it. Watchers see the changes that are made through
 * this store, so there is one for a database.
 *
 * @param options.history for how many revisions changes are kept (10,000)
 */
export function createSqliteStore(database: Database, options: { history?: number } = {}): Store {
  const history = options.history ?? defaultHistory;
  const { db } = database;
  const selectEntry = db.prepare('SELECT key, value, revision FROM store_entries WHERE key = ?');
  const selectRange = db.prepare('SELECT key, value, revision FROM store_entries WHERE key >= ? AND key < ? ORDER BY key');
  const upsert = db.prepare(
    'INSERT INTO store_entries (key, value, revision) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision',
  );
  const remove = db.prepare('DELETE FROM store_entries WHERE key = ?');
  const recordChange = db.prepare('INSERT INTO store_changes (revision, key, value) VALUES (?, ?, ?)');
  const selectState = db.prepare('SELECT revision, compacted FROM store_state');
  const updateState = db.prepare('UPDATE store_state SET revision = ?, compacted = ?');
  const compact = db.prepare('DELETE FROM store_changes WHERE revision <= ?');
  const watchers = createWatchers(database);

  const readState = (): { revision: number; compacted: number } => selectState.get() as { revision: number; compacted: number };
  const revisionOf = (key: string): number => Number(selectEntry.get(key)?.['revision'] ?? 0);

  const apply = ({ if: conditions = [], then }: StoreTransaction): { revision: number; changes: number } => {
    for (const { key } of [...conditions, ...then]) checkKey(key);
    if (new Set(then.map(({ key }) => key)).size < then.length) throw malformed('A transaction changes one key twice.');
    // Encoded before the transaction begins, so that it is short and a bad value touches nothing.
    const operations = then.map((operation) => ({ ...operation, text: operation.op === 'put' ? encodeValue(operation.value) : null }));

    const result = database.transaction(() => {
      for (const { key, revision } of conditions) checkRevision(key, revision, revisionOf(key));
      const state = readState();
      const revision = state.revision + 1;
      let changes = 0;
      for (const { key, text } of operations) {
        const changed = text === null ? remove.run(key).changes : upsert.run(key, text, revision).changes;
        if (changed === 0) continue;
        recordChange.run(revision, key, text);
        changes += 1;
      }
      if (changes === 0) return { revision: state.revision, changes };
      const compacted = Math.max(state.compacted, revision - history);
      updateState.run(revision, compacted);
      if (compacted > state.compacted) compact.run(compacted);
      return { revision, changes };
    });
    if (result.changes > 0) watchers.wake();
    return result;
  };
  const conditionOn = (key: string, expected: number | undefined) => (expected === undefined ? [] : [{ key, revision: expected }]);

  return {
    get: async (key) => {
      checkKey(key);
      const row = database.read(() => selectEntry.get(key));
      return row === undefined ? null : toEntry(row as unknown as EntryRow);
    },
    list: async (prefix) => {
      const { from, before } = prefixRange(prefix);
      return database.read(() => selectRange.all(from, before)).map((row) => toEntry(row as unknown as EntryRow));
    },
    put: async (key, value, { expectedRevision } = {}) => {
      const { revision } = apply({ if: conditionOn(key, expectedRevision), then: [{ op: 'put', key, value }] });
      return { revision };
    },
    delete: async (key, { expectedRevision } = {}) => {
      const { revision, changes } = apply({ if: conditionOn(key, expectedRevision), then: [{ op: 'delete', key }] });
      return { revision, deleted: changes > 0 };
    },
    transact: async (transaction) => ({ revision: apply(transaction).revision }),
    watch: (prefix, { fromRevision, signal }): AsyncIterable<StoreChange> => {
      const range = prefixRange(prefix);
      return watchers.watch(range, fromRevision ?? database.read(readState).revision + 1, signal);
    },
    revision: async () => database.read(readState).revision,
    close: async () => watchers.close(),
  };
}

function toEntry(row: EntryRow): StoreEntry {
  return { key: row.key, value: JSON.parse(row.value) as unknown, revision: row.revision };
}

function checkRevision(key: string, expected: number, present: number): void {
  if (expected === present) return;
  const was = present === 0 ? 'does not exist' : expected === 0 ? 'exists already' : 'was changed in the meantime';
  throw new NakhodaError('store.conflict', {
    message: `${key} ${was}: revision ${expected} was expected, and it is ${present}.`,
    hint: 'Read it again and repeat the change.',
    details: { key, expected, present },
  });
}

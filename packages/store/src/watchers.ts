import { NakhodaError } from '@nakhoda/schema';

import type { Database } from './database.ts';
import { lastKey } from './store-key.ts';
import type { StoreChange } from './store.ts';

interface KeyRange {
  from: string;
  before: string;
}

/** A place in the sequence of changes: everything up to this key of this revision has been passed. */
interface Position {
  revision: number;
  key: string;
}

/** Rows read at once; a watcher that is far behind does not hold all of them in memory. */
const batchSize = 256;

export interface Watchers {
  watch(range: KeyRange, fromRevision: number, signal: AbortSignal): AsyncIterable<StoreChange>;
  /** Something was committed. */
  wake(): void;
  close(): void;
}

/**
 * Watchers read the changes from the table and wait only when there are none: the table is their queue,
 * so a slow reader costs no memory, and history and live changes are one sequence without a seam.
 */
export function createWatchers(database: Database): Watchers {
  const { db } = database;
  const selectState = db.prepare('SELECT revision, compacted FROM store_state');
  const selectChanges = db.prepare(
    'SELECT revision, key, value FROM store_changes WHERE (revision, key) > (?, ?) AND key >= ? AND key < ? ORDER BY revision, key LIMIT ?',
  );
  const waiting = new Set<() => void>();
  const closing = new AbortController();

  const wake = (): void => {
    for (const resolve of [...waiting]) resolve();
  };
  const nextWake = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      waiting.add(done);
      signal.addEventListener('abort', done);
    });

  const readAfter = (after: Position, range: KeyRange): { changes: StoreChange[]; end: Position } =>
    database.read(() => {
      const { revision, compacted } = selectState.get() as { revision: number; compacted: number };
      const firstNeeded = after.key === lastKey ? after.revision + 1 : after.revision;
      if (firstNeeded <= compacted) throw compactedError(firstNeeded, compacted);
      const changes = selectChanges.all(after.revision, after.key, range.from, range.before, batchSize).map(toChange);
      const last = changes.length === batchSize ? changes.at(-1) : undefined;
      // Past all other keys' changes too, or a watcher of a quiet prefix would in time be told that it is behind.
      const present = { revision: Math.max(revision, after.revision), key: lastKey };
      return { changes, end: last === undefined ? present : { revision: last.revision, key: last.key } };
    });

  async function* watch(range: KeyRange, fromRevision: number, signal: AbortSignal): AsyncGenerator<StoreChange> {
    let after: Position = { revision: Math.max(fromRevision, 1) - 1, key: lastKey };
    while (!closing.signal.aborted && !signal.aborted) {
      const { changes, end } = readAfter(after, range);
      for (const change of changes) {
        yield change;
        if (signal.aborted) return;
      }
      after = end;
      if (changes.length === 0) await nextWake(signal);
    }
  }

  return {
    watch,
    wake,
    close: () => {
      closing.abort();
      wake();
    },
  };
}

function toChange(row: Record<string, unknown>): StoreChange {
  const { revision, key, value } = row as { revision: number; key: string; value: string | null };
  if (value === null) return { kind: 'delete', key, value: null, revision };
  return { kind: 'put', key, value: JSON.parse(value) as unknown, revision };
}

function compactedError(revision: number, compacted: number): NakhodaError {
  return new NakhodaError('store.compacted', {
    message: `Changes from revision ${revision} on were asked for, and those up to ${compacted} are no longer kept.`,
    hint: 'List the present values and watch from their revision on.',
    details: { revision, compacted },
  });
}

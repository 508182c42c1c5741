import type { TaskLogLine, TaskRecord } from '@nakhoda/schema';

import type { TaskStore } from './task-store.ts';

const prunable: readonly string[] = ['succeeded', 'failed', 'cancelled'];

/** A task store that forgets everything with the process, for tests and the fault helper. */
export function createMemoryTaskStore(): TaskStore {
  // JSON text, so that a record kept here shares nothing with the caller's, as in a database.
  const records = new Map<string, string>();
  const logs = new Map<string, TaskLogLine[]>();
  const read = (text: string): TaskRecord => JSON.parse(text) as TaskRecord;
  const newestFirst = (from = 0): TaskRecord[] =>
    [...records.keys()]
      .sort()
      .toReversed()
      .slice(from)
      .map((id) => read(records.get(id) ?? ''));

  return {
    insert: (record) => {
      if (records.has(record.id)) throw new Error(`There is a task ${record.id} already.`);
      records.set(record.id, JSON.stringify(record));
      logs.set(record.id, []);
    },
    update: (record) => {
      if (!records.has(record.id)) throw new Error(`There is no task ${record.id} to update.`);
      records.set(record.id, JSON.stringify(record));
    },
    get: (id) => {
      const text = records.get(id);
      return text === undefined ? null : read(text);
    },
    list: ({ states, target, limit } = {}) =>
      newestFirst()
        .filter((record) => (states?.includes(record.state) ?? true) && (target === undefined || record.target === target))
        .slice(0, limit),
    prune: (keep) => {
      for (const { id, state } of newestFirst(keep)) {
        if (!prunable.includes(state)) continue;
        records.delete(id);
        logs.delete(id);
      }
    },
    appendLog: (id, line) => {
      const lines = logs.get(id);
      if (lines === undefined) throw new Error(`There is no task ${id} to log for.`);
      lines.push({ ...line });
    },
    log: (id, afterSeq) => (logs.get(id) ?? []).filter(({ seq }) => seq > afterSeq),
  };
}

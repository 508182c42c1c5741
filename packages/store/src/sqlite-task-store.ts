import type { TaskLogLine, TaskQuery, TaskRecord } from '@nakhoda/schema';

import type { Database } from './database.ts';

/** The task engine's tables. It has the shape of the engine's `TaskStore` port; this package cannot name that. */
export interface SqliteTaskStore {
  insert(record: TaskRecord): void;
  update(record: TaskRecord): void;
  get(id: string): TaskRecord | null;
  list(query?: TaskQuery): TaskRecord[];
  prune(keep: number): void;
  appendLog(id: string, line: TaskLogLine): void;
  log(id: string, afterSeq: number): TaskLogLine[];
}

const columns = [
  'id',
  'kind',
  'title',
  'target',
  'user',
  'request_id',
  'state',
  'input',
  'data',
  'locks',
  'steps',
  'progress',
  'result',
  'outcome',
  'error',
  'created_at',
  'started_at',
  'ended_at',
] as const;
type Column = (typeof columns)[number];
type Row = Record<Column, string | number | null>;

/** Tasks in the same database file as the store's values. Each call is durable when it returns. */
export function createSqliteTaskStore(database: Database): SqliteTaskStore {
  const { db } = database;
  const names = columns.join(', ');
  const insert = db.prepare(`INSERT INTO tasks (${names}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`);
  const update = db.prepare(`UPDATE tasks SET ${columns.map((name) => `${name} = :${name}`).join(', ')} WHERE id = :id`);
  const select = db.prepare(`SELECT ${names} FROM tasks WHERE id = ?`);
  const prune = db.prepare(
    `DELETE FROM tasks WHERE state IN ('succeeded', 'failed', 'cancelled')
     AND id <= (SELECT id FROM tasks ORDER BY id DESC LIMIT 1 OFFSET ?)`,
  );
  const insertLine = db.prepare('INSERT INTO task_log (task_id, seq, at, line) VALUES (?, ?, ?, ?)');
  const selectLines = db.prepare('SELECT seq, at, line FROM task_log WHERE task_id = ? AND seq > ? ORDER BY seq');

  return {
    insert: (record) => database.transaction(() => void insert.run(toRow(record))),
    update: (record) =>
      database.transaction(() => {
        if (update.run(toRow(record)).changes === 0) throw new Error(`There is no task ${record.id} to update.`);
      }),
    get: (id) => {
      const row = database.read(() => select.get(id));
      return row === undefined ? null : fromRow(row as Row);
    },
    list: ({ states, target, limit } = {}) => {
      const conditions: string[] = [];
      const values: (string | number)[] = [];
      if (states !== undefined) {
        conditions.push('state IN (SELECT value FROM json_each(?))');
        values.push(JSON.stringify(states));
      }
      if (target !== undefined) {
        conditions.push('target = ?');
        values.push(target);
      }
      const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
      // A negative limit is none: https://sqlite.org/lang_select.html#limitoffset
      const rows = database.read(() =>
        db.prepare(`SELECT ${names} FROM tasks ${where} ORDER BY id DESC LIMIT ?`).all(...values, limit ?? -1),
      );
      return rows.map((row) => fromRow(row as Row));
    },
    prune: (keep) => database.transaction(() => void prune.run(keep)),
    appendLog: (id, { seq, at, line }) => database.relaxed(() => void insertLine.run(id, seq, at, line)),
    log: (id, afterSeq) => database.read(() => selectLines.all(id, afterSeq)).map((row) => ({ ...(row as TaskLogLine) })),
  };
}

function toRow(record: TaskRecord): Row {
  return {
    id: record.id,
    kind: record.kind,
    title: record.title,
    target: record.target,
    user: record.user,
    request_id: record.requestId,
    state: record.state,
    input: JSON.stringify(record.input),
    data: JSON.stringify(record.data),
    locks: JSON.stringify(record.locks),
    steps: JSON.stringify(record.steps),
    progress: record.progress,
    result: JSON.stringify(record.result),
    outcome: record.outcome && JSON.stringify(record.outcome),
    error: record.error && JSON.stringify(record.error),
    created_at: record.createdAt,
    started_at: record.startedAt,
    ended_at: record.endedAt,
  };
}

function fromRow(row: Row): TaskRecord {
  const json = (column: Column): unknown => (row[column] === null ? null : JSON.parse(String(row[column])));
  return {
    id: row.id,
    kind: row.kind,
    title: row.title,
    target: row.target,
    user: row.user,
    requestId: row.request_id,
    state: row.state,
    input: json('input'),
    data: json('data'),
    locks: json('locks'),
    steps: json('steps'),
    progress: row.progress,
    result: json('result'),
    outcome: json('outcome'),
    error: json('error'),
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    // The columns' CHECKs and this file's `toRow` are what make the row a record.
  } as TaskRecord;
}

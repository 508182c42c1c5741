import assert from 'node:assert/strict';
import { after, it } from 'node:test';

import type { TaskRecord } from '@nakhoda/schema';

import { openDatabase } from './database.ts';
import { createSqliteTaskStore } from './sqlite-task-store.ts';
import { makeTemporaryFolder } from './testing/temporary-folder.ts';

// The engine's contract suite for task stores runs on this one where both packages meet, in the daemon.

const folder = makeTemporaryFolder();
after(() => folder.remove());

const error = { code: 'task.stuck', message: 'It said "no".', hint: 'é' };
const record: TaskRecord = {
  id: 't1',
  kind: 'vm.start',
  title: 'Start vm 100',
  target: 'vm/100',
  user: 'admin',
  requestId: 'r1',
  state: 'stuck',
  input: { vmid: 100 },
  data: { list: [1, { a: null }] },
  locks: ['a', 'b'],
  steps: [{ name: 'one', state: 'failed', startedAt: '2026-01-01T00:00:00.000Z' }],
  progress: 0.25,
  result: 'text',
  outcome: error,
  error,
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.001Z',
  endedAt: null,
};
const line = { seq: 1, at: '2026-01-01T00:00:00.000Z', line: 'said' };

it('keeps tasks and their logs over a reopening', () => {
  const path = folder.newPath();
  const first = openDatabase(path);
  const store = createSqliteTaskStore(first);
  store.insert({ ...record, state: 'queued' });
  store.update(record);
  store.appendLog('t1', line);
  first.close();
  const second = openDatabase(path);
  const again = createSqliteTaskStore(second);
  assert.deepEqual(again.get('t1'), record);
  assert.deepEqual(again.list({ states: ['stuck', 'queued'], target: 'vm/100', limit: 5 }), [record]);
  assert.deepEqual(again.log('t1', 0), [line]);
  second.close();
});

it('refuses a record twice, an update of nothing, and a state that is none', () => {
  const database = openDatabase(':memory:');
  const store = createSqliteTaskStore(database);
  store.insert(record);
  assert.throws(() => store.insert(record), { code: 'store.failed' });
  assert.throws(() => store.update({ ...record, id: 't2' }), /no task t2/u);
  assert.throws(() => store.update({ ...record, state: 'odd' as 'stuck' }), { code: 'store.failed' });
  assert.throws(() => store.appendLog('t2', line), { code: 'store.failed' });
  assert.deepEqual(store.list(), [record]);
  database.close();
});

it('prunes ended tasks with their logs, and no stuck one', () => {
  const database = openDatabase(':memory:');
  const store = createSqliteTaskStore(database);
  for (const [index, state] of (['failed', 'stuck', 'succeeded', 'running', 'cancelled'] as const).entries()) {
    store.insert({ ...record, id: `t${index}`, state });
    store.appendLog(`t${index}`, line);
  }
  store.prune(2);
  assert.deepEqual(
    store.list().map(({ id }) => id),
    ['t4', 't3', 't1'],
  );
  assert.deepEqual(store.log('t0', 0), []);
  assert.deepEqual(store.log('t1', 0), [line]);
  database.close();
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { taskStates } from '@nakhoda/schema';

import type { TaskStore } from '../task-store.ts';
import { sampleRecord } from './sample-record.ts';

/**
 * What every task store does, as tests.
 *
 * @param makeStore makes an empty store; `close` is called at the end
 */
export function taskStoreContract(name: string, makeStore: () => { store: TaskStore; close(): void }): void {
  const withStore = (work: (store: TaskStore) => void) => (): void => {
    const { store, close } = makeStore();
    try {
      work(store);
    } finally {
      close();
    }
  };
  const at = '2026-01-01T00:00:00.000Z';

  describe(`task store: ${name}`, () => {
    it(
      'gives a record back as it was put, with every field, and null when there is none',
      withStore((store) => {
        const error = { code: 'internal', message: 'it said "no"', hint: 'é' };
        const full = sampleRecord({
          requestId: 'r1',
          state: 'stuck',
          input: null,
          data: { list: [1, { a: null }] },
          locks: ['a', 'b'],
          steps: [{ name: 'one', state: 'failed', startedAt: at, endedAt: at }],
          progress: 0.25,
          result: 'text',
          outcome: error,
          error,
          startedAt: at,
          endedAt: at,
        });
        store.insert(sampleRecord({ id: 't2' }));
        store.insert(full);
        assert.deepEqual(store.get('t1'), full);
        assert.deepEqual(store.get('t2'), sampleRecord({ id: 't2' }));
        assert.equal(store.get('t3'), null);
      }),
    );

    it(
      'copies records in and out',
      withStore((store) => {
        const record = sampleRecord();
        store.insert(record);
        record.locks.push('later');
        store.get('t1')?.locks.push('later');
        assert.deepEqual(store.get('t1'), sampleRecord());
      }),
    );

    it(
      'replaces a record, and refuses to insert twice or update what is not there',
      withStore((store) => {
        store.insert(sampleRecord());
        const changed = sampleRecord({ state: 'running', target: null, progress: 1, startedAt: at });
        store.update(changed);
        assert.deepEqual(store.get('t1'), changed);
        assert.throws(() => store.insert(sampleRecord()));
        assert.throws(() => store.update(sampleRecord({ id: 't9' })));
        assert.equal(store.list().length, 1);
      }),
    );

    it(
      'takes every state',
      withStore((store) => {
        for (const state of taskStates) store.insert(sampleRecord({ id: `t${state}`, state }));
        for (const state of taskStates)
          assert.deepEqual(
            store.list({ states: [state] }).map(({ id }) => id),
            [`t${state}`],
          );
      }),
    );

    it(
      'lists newest first, by state, target and limit together',
      withStore((store) => {
        const ids = (query?: Parameters<TaskStore['list']>[0]): string =>
          store
            .list(query)
            .map(({ id }) => id)
            .join(' ');
        store.insert(sampleRecord({ id: 't2', state: 'running' }));
        store.insert(sampleRecord({ id: 't1', state: 'failed' }));
        store.insert(sampleRecord({ id: 't4', state: 'running', target: 'vm/101' }));
        store.insert(sampleRecord({ id: 't3', state: 'running', target: null }));
        assert.equal(ids(), 't4 t3 t2 t1');
        assert.equal(ids({ limit: 2 }), 't4 t3');
        assert.equal(ids({ states: ['running'] }), 't4 t3 t2');
        assert.equal(ids({ states: ['failed', 'running'], target: 'vm/100', limit: 1 }), 't2');
        assert.equal(ids({ states: [] }), '');
      }),
    );

    it(
      'keeps the log in order, and gives what comes after a line',
      withStore((store) => {
        store.insert(sampleRecord());
        const lines = [1, 2, 3].map((seq) => ({ seq, at, line: `line ${seq}` }));
        for (const line of lines) store.appendLog('t1', line);
        assert.deepEqual(store.log('t1', 0), lines);
        assert.deepEqual(store.log('t1', 2), lines.slice(2));
        assert.deepEqual(store.log('t9', 0), []);
        assert.throws(() => store.appendLog('t9', { seq: 1, at, line: '' }));
      }),
    );

    it(
      'prunes ended tasks that are not among the newest, with their logs',
      withStore((store) => {
        for (const [index, state] of taskStates.entries()) {
          store.insert(sampleRecord({ id: `t${index}`, state }));
          store.appendLog(`t${index}`, { seq: 1, at, line: state });
        }
        store.prune(taskStates.length);
        assert.equal(store.list().length, taskStates.length);
        store.prune(2);
        const kept = store.list().map(({ state }) => state);
        // cancelled and stuck are the newest two.
        assert.deepEqual(kept, ['stuck', 'cancelled', 'unwinding', 'running', 'queued']);
        assert.deepEqual(store.log(`t${taskStates.indexOf('failed')}`, 0), []);
        store.prune(0);
        assert.deepEqual(
          store.list().map(({ state }) => state),
          ['stuck', 'unwinding', 'running', 'queued'],
        );
      }),
    );
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import { endTime } from './task-run.ts';
import { openEngine, sampleKind, tracingStep, user } from './testing/open-engine.ts';

it('what ends after the clock was set back has not ended before it began', () => {
  const [earlier, later] = ['2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00.000Z'];
  assert.equal(endTime({ startedAt: earlier }, later), later);
  assert.equal(endTime({ startedAt: later }, earlier), later);
  assert.equal(endTime({ startedAt: null }, earlier), earlier);
});

describe('a task', () => {
  it('does its steps in order, with a row before and after each, and tells its result', async () => {
    const trace: string[] = [];
    const { engine, store, changes } = await openEngine([
      sampleKind([tracingStep('disk', trace), tracingStep('tap', trace, { weight: 3 })]),
    ]);
    const queued = await engine.start('sample.run', { locks: ['vm/100'] }, { user: 'admin', requestId: 'r1' });
    assert.equal(queued.state, 'queued');
    assert.match(queued.id, /^t[0-9a-z]+$/u);
    const task = await engine.wait(queued.id);
    assert.deepEqual(trace, ['+disk', '+tap']);
    assert.equal(task.state, 'succeeded');
    assert.equal(task.target, 'vm/100');
    assert.equal(task.progress, 1);
    assert.deepEqual(task.result, ['disk', 'tap']);
    assert.deepEqual(engine.get(task.id), task);
    assert.equal(store.get(task.id)?.requestId, 'r1');
    assert.deepEqual(
      changes.map(({ state, progress, steps }) => [state, progress, ...steps.map((step) => step.state)].join(' ')),
      [
        'queued 0 pending pending',
        'running 0 running pending',
        'running 0.25 done pending',
        'running 0.25 done running',
        'running 1 done done',
        'succeeded 1 done done',
      ],
    );
  });

  it('undoes the failed step and those before it, last first, and carries the error without its cause', async () => {
    const trace: string[] = [];
    const cause = new Error('secret of the hypervisor');
    const failure = new NakhodaError('vm.start-failed', { message: 'It did not start.', hint: 'Look.', cause, details: { secret: 1 } });
    const { engine, store, logged } = await openEngine([
      sampleKind([
        tracingStep('disk', trace),
        tracingStep('tap', trace, { do: async () => Promise.reject(failure) }),
        tracingStep('process', trace),
      ]),
    ]);
    const { id } = await engine.start('sample.run', {}, { user: 'admin', requestId: 'r1' });
    const task = await engine.wait(id);
    assert.deepEqual(trace, ['+disk', '-tap', '-disk']);
    assert.equal(task.state, 'failed');
    assert.deepEqual(task.error, { code: 'vm.start-failed', message: 'It did not start.', hint: 'Look.' });
    assert.deepEqual(
      task.steps.map(({ state }) => state),
      ['undone', 'undone', 'pending'],
    );
    assert.deepEqual(
      logged.map(({ taskId, requestId, error }) => ({ taskId, requestId, error })),
      [{ taskId: id, requestId: 'r1', error: failure }],
    );
    assert.doesNotMatch(JSON.stringify([store.get(id), store.log(id, 0)]), /secret/u);
    assert.deepEqual(
      engine.log(id).map(({ line }) => line),
      ['The step "tap" failed: It did not start.'],
    );
  });

  it('turns what is not a NakhodaError into internal, also when it is thrown at once', async () => {
    const { engine } = await openEngine([
      sampleKind([
        {
          name: 'defect',
          do: () => {
            throw new TypeError('x is undefined');
          },
        },
      ]),
    ]);
    const { id } = await engine.start('sample.run', {}, user);
    const { state, error } = await engine.wait(id);
    assert.equal(state, 'failed');
    assert.equal(error?.code, 'internal');
    assert.match(error?.message ?? '', /x is undefined/u);
  });

  it('undoes everything when its result cannot be told', async () => {
    const trace: string[] = [];
    const { engine } = await openEngine([sampleKind([tracingStep('disk', trace)], { result: () => assert.fail('no result') })]);
    const { id } = await engine.start('sample.run', {}, user);
    assert.equal((await engine.wait(id)).state, 'failed');
    assert.deepEqual(trace, ['+disk', '-disk']);
  });

  it('gives undos what earlier steps and the failed one put into the state', async () => {
    const seen: unknown[] = [];
    const { engine } = await openEngine([
      sampleKind([
        tracingStep('disk', [], { undo: async ({ state }) => void seen.push(structuredClone(state)) }),
        {
          name: 'tap',
          do: async ({ state }) => {
            state.did?.push('half a tap');
            throw new Error('no');
          },
        },
      ]),
    ]);
    await engine.wait((await engine.start('sample.run', {}, user)).id);
    assert.deepEqual(seen, [{ did: ['disk', 'half a tap'] }]);
  });

  it('shows progress by weight, never backwards, and not more often than by percents', async () => {
    const { engine, changes } = await openEngine([
      sampleKind([
        {
          name: 'copy',
          weight: 4,
          do: async ({ progress }) => {
            for (let part = 0; part <= 10_000; part += 1) progress(part / 10_000);
            for (const fraction of [0.5, -1, 2, Number.NaN]) progress(fraction);
          },
        },
        { name: 'rest', do: async () => {} },
      ]),
    ]);
    await engine.wait((await engine.start('sample.run', {}, user)).id);
    const shown = changes.map(({ progress }) => progress);
    assert.deepEqual(
      shown.toSorted((a, b) => a - b),
      shown,
    );
    assert.ok(shown.length > 80 && shown.length < 90, `${shown.length} changes`);
    assert.ok(shown.includes(0.8));
  });

  it('ignores what a step says after its end', async () => {
    let late: (() => void) | undefined;
    const { engine, changes } = await openEngine([
      sampleKind([
        {
          name: 'one',
          do: async ({ log, progress }) => {
            log('in time');
            late = () => {
              log('too late');
              progress(0.5);
            };
          },
        },
      ]),
    ]);
    const { id } = await engine.start('sample.run', {}, user);
    await engine.wait(id);
    const before = changes.length;
    late?.();
    assert.deepEqual(
      engine.log(id).map(({ line }) => line),
      ['in time'],
    );
    assert.equal(changes.length, before);
  });

  it('survives listeners that throw', async () => {
    const opened = await openEngine([sampleKind([tracingStep('disk', [])])]);
    opened.changes.push = () => assert.fail('a bad listener');
    const { id } = await opened.engine.start('sample.run', {}, user);
    assert.equal((await opened.engine.wait(id)).state, 'succeeded');
    assert.match(opened.logged[0]?.message ?? '', /listener/u);
  });

  it('stands still when its record cannot be written, and a new engine takes it up', async () => {
    const trace: string[] = [];
    const kind = sampleKind([tracingStep('disk', trace), tracingStep('tap', trace)]);
    const { engine, store, logged } = await openEngine([kind]);
    const { update } = store;
    const full = new NakhodaError('store.failed', { message: 'The disk is full.', hint: 'Make room.' });
    store.update = (record) => {
      if (record.steps[0]?.state === 'done') throw full;
      update(record);
    };
    const { id } = await engine.start('sample.run', { locks: ['vm/100'] }, user);
    const states = new Set<string>();
    for await (const line of engine.follow(id, new AbortController().signal)) if ('task' in line) states.add(line.task.state);
    assert.ok(!states.has('succeeded'));
    await assert.rejects(engine.wait(id), full);
    await assert.rejects(engine.cancel(id), full);
    assert.equal(engine.get(id).steps[0]?.state, 'running');
    assert.deepEqual(trace, ['+disk']);
    assert.equal(logged.at(-1)?.error, full);
    store.update = update;
    const next = await openEngine([kind], { store });
    assert.equal((await next.engine.wait(id)).error?.code, 'task.interrupted');
    assert.deepEqual(trace, ['+disk', '-disk']);
  });
});

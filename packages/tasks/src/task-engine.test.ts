import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import { makeGate, openEngine, sampleKind, tracingStep, user } from './testing/open-engine.ts';
import type { Gate, SampleStep } from './testing/open-engine.ts';

const gateStep = (gate: Gate, change: Partial<SampleStep> = {}): SampleStep => ({
  name: 'gate',
  do: ({ signal }) => gate.pass(signal),
  ...change,
});
const code = (expected: string) => (error: unknown) => error instanceof NakhodaError && error.code === expected;

describe('task engine', () => {
  it('refuses unknown kinds, kinds registered twice, steps of one name, and input that is not JSON', async () => {
    const kind = sampleKind([tracingStep('disk', [])]);
    const { engine, store } = await openEngine([kind, sampleKind([tracingStep('a', []), tracingStep('a', [])], { kind: 'sample.twins' })]);
    assert.throws(() => engine.register(kind), code('internal'));
    await assert.rejects(engine.start('sample.unknown', {}, user), code('internal'));
    await assert.rejects(engine.start('sample.twins', {}, user), code('internal'));
    const circle: { self?: object } = {};
    circle.self = circle;
    await assert.rejects(engine.start('sample.run', circle, user), code('internal'));
    assert.deepEqual(store.list(), []);
  });

  it('says when there is no such task', async () => {
    const { engine } = await openEngine([]);
    assert.throws(() => engine.get('t0'), code('task.not-found'));
    assert.throws(() => engine.log('t0'), code('task.not-found'));
    assert.throws(() => engine.follow('t0', AbortSignal.abort()), code('task.not-found'));
    for (const call of [engine.wait('t0'), engine.cancel('t0'), engine.retry('t0')]) await assert.rejects(call, code('task.not-found'));
  });

  it('lists by state and target, newest first', async () => {
    const gate = makeGate();
    const { engine } = await openEngine([sampleKind([gateStep(gate)]), sampleKind([], { kind: 'sample.empty' })]);
    const first = await engine.start('sample.empty', { locks: ['vm/1'] }, user);
    await engine.wait(first.id);
    const second = await engine.start('sample.run', { locks: ['vm/1'] }, user);
    await gate.reached;
    const third = await engine.start('sample.run', { locks: ['vm/1'] }, user);
    const ids = (query: Parameters<typeof engine.list>[0]): string[] => engine.list(query).map(({ id }) => id);
    assert.deepEqual(ids({}), [third.id, second.id, first.id]);
    assert.deepEqual(ids({ target: 'vm/1', limit: 1 }), [third.id]);
    assert.deepEqual(ids({ state: 'running' }), [second.id]);
    assert.deepEqual(ids({ target: 'vm/2' }), []);
    gate.open();
    await engine.wait(third.id);
  });

  it('keeps the newest thousand tasks', async () => {
    const { engine } = await openEngine([sampleKind([])]);
    const first = await engine.start('sample.run', {}, user);
    await engine.wait(first.id);
    for (let count = 1; count < 1000; count += 1) await engine.wait((await engine.start('sample.run', {}, user)).id);
    assert.equal(engine.get(first.id).state, 'succeeded');
    await engine.start('sample.run', {}, user);
    assert.throws(() => engine.get(first.id), code('task.not-found'));
    assert.equal(engine.list().length, 1000);
  });
});

describe('locks', () => {
  it('let tasks with a common lock run one after the other, and others at once', async () => {
    const gate = makeGate();
    const trace: string[] = [];
    const { engine } = await openEngine([
      sampleKind([gateStep(gate), tracingStep('slow', trace)]),
      sampleKind([tracingStep('quick', trace)], { kind: 'sample.quick' }),
    ]);
    await engine.start('sample.run', { locks: ['vm/100', 'network/lab'] }, user);
    const waiting = await engine.start('sample.quick', { locks: ['network/lab', 'vm/101'] }, user);
    // Wants nothing of the first task's, but must not overtake the second.
    const behind = await engine.start('sample.quick', { locks: ['vm/101'] }, user);
    const free = await engine.start('sample.quick', { locks: ['vm/102'] }, user);
    await engine.wait(free.id);
    assert.equal(engine.get(waiting.id).state, 'queued');
    assert.equal(engine.get(behind.id).state, 'queued');
    gate.open();
    await engine.wait(behind.id);
    assert.deepEqual(
      trace,
      ['quick', 'slow', 'quick', 'quick'].map((name) => `+${name}`),
    );
  });

  it('stay with a stuck task, across a restart, until a retry has undone it', async () => {
    const trace: string[] = [];
    let isBusy = true;
    const kinds = [
      sampleKind([
        tracingStep('disk', trace),
        tracingStep('tap', trace, { undo: async () => (isBusy ? Promise.reject(new Error('busy')) : void trace.push('-tap')) }),
        tracingStep('fail', trace, { do: async () => Promise.reject(new Error('first error')) }),
      ]),
      sampleKind([tracingStep('next', trace)], { kind: 'sample.next' }),
    ];
    const first = await openEngine(kinds);
    const { id } = await first.engine.start('sample.run', { locks: ['vm/100'] }, user);
    const stuck = await first.engine.wait(id);
    assert.equal(stuck.state, 'stuck');
    assert.equal(stuck.error?.code, 'task.stuck');
    assert.match(stuck.error?.message ?? '', /"tap" could not be undone: .*busy.*first error/u);
    assert.deepEqual(
      stuck.steps.map(({ state }) => state),
      ['done', 'failed', 'undone'],
    );
    await assert.rejects(first.engine.cancel(id), code('task.not-cancellable'));
    const next = await first.engine.start('sample.next', { locks: ['vm/100'] }, user);
    await first.engine.close();

    const second = await openEngine(
      kinds.map((kind) => ({ ...kind, onCrash: 'resume' as const })),
      { store: first.store },
    );
    assert.equal(second.engine.get(id).state, 'stuck');
    assert.equal(second.engine.get(next.id).state, 'queued');
    assert.equal((await second.engine.retry(id)).state, 'unwinding');
    assert.equal((await second.engine.wait(id)).state, 'stuck');
    assert.equal(second.engine.get(next.id).state, 'queued');

    isBusy = false;
    await second.engine.retry(id);
    const ended = await second.engine.wait(id);
    assert.equal(ended.state, 'failed');
    assert.match(ended.error?.message ?? '', /first error/u);
    assert.equal((await second.engine.wait(next.id)).state, 'succeeded');
    assert.deepEqual(trace, ['+disk', '+tap', '-fail', '-tap', '-disk', '+next']);
    await assert.rejects(second.engine.retry(id), code('task.not-cancellable'));
  });
});

describe('cancel', () => {
  it('aborts the running step, undoes everything, and may be said twice', async () => {
    const trace: string[] = [];
    const gate = makeGate();
    const { engine } = await openEngine([
      sampleKind([tracingStep('disk', trace), gateStep(gate, { undo: async ({ signal }) => void trace.push(`-gate ${signal.aborted}`) })]),
    ]);
    const { id } = await engine.start('sample.run', {}, user);
    await gate.reached;
    await engine.cancel(id);
    await engine.cancel(id);
    const task = await engine.wait(id);
    assert.equal(task.state, 'cancelled');
    assert.equal(task.error?.code, 'task.cancelled');
    assert.deepEqual(trace, ['+disk', '-gate false', '-disk']);
    await assert.rejects(engine.cancel(id), code('task.not-cancellable'));
  });

  it('undoes also a step that finishes all the same', async () => {
    const trace: string[] = [];
    const gate = makeGate();
    const deaf = new AbortController().signal;
    const { engine } = await openEngine([sampleKind([tracingStep('gate', trace, { do: () => gate.pass(deaf) })])]);
    const { id } = await engine.start('sample.run', {}, user);
    await gate.reached;
    await engine.cancel(id);
    gate.open();
    assert.equal((await engine.wait(id)).state, 'cancelled');
    assert.deepEqual(trace, ['-gate']);
  });

  it('ends a waiting task at once, without a step', async () => {
    const trace: string[] = [];
    const gate = makeGate();
    const { engine } = await openEngine([sampleKind([gateStep(gate), tracingStep('disk', trace)])]);
    const input = { locks: ['vm/100'] };
    const [first, second, third] = [
      await engine.start('sample.run', input, user),
      await engine.start('sample.run', input, user),
      await engine.start('sample.run', input, user),
    ];
    assert.equal((await engine.cancel(second.id)).state, 'cancelled');
    gate.open();
    await engine.wait(third.id);
    assert.equal(engine.get(first.id).state, 'succeeded');
    assert.deepEqual(
      engine.get(second.id).steps.map(({ state }) => state),
      ['pending', 'pending'],
    );
    assert.deepEqual(trace, ['+disk', '+disk']);
  });

  it('is refused in a step that cannot be cancelled, and while the task is undone', async () => {
    const [first, undoing] = [makeGate(), makeGate()];
    const { engine } = await openEngine([
      sampleKind([
        gateStep(first, { cancellable: false, undo: ({ signal }) => undoing.pass(signal) }),
        tracingStep('fail', [], { do: async () => Promise.reject(new Error('no')) }),
      ]),
    ]);
    const { id } = await engine.start('sample.run', {}, user);
    await first.reached;
    await assert.rejects(engine.cancel(id), code('task.not-cancellable'));
    first.open();
    await undoing.reached;
    await assert.rejects(engine.cancel(id), code('task.not-cancellable'));
    undoing.open();
    assert.equal((await engine.wait(id)).state, 'failed');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createMemoryTaskStore } from './memory-task-store.ts';
import type { TaskStore } from './task-store.ts';
import { makeGate, openEngine, sampleKind, tracingStep, user } from './testing/open-engine.ts';
import type { SampleKind } from './testing/open-engine.ts';
import { sampleRecord } from './testing/sample-record.ts';

/** A store that dies, with the daemon, just before or just after its write with this number. */
function mortalStore(store: TaskStore, lastWrite: number, when: 'before' | 'after'): TaskStore {
  let writes = 0;
  const write = (work: () => void): void => {
    writes += 1;
    if (writes > lastWrite || (writes === lastWrite && when === 'before')) throw new Error('dead');
    work();
    if (writes === lastWrite) throw new Error('dead');
  };
  return { ...store, insert: (record) => write(() => store.insert(record)), update: (record) => write(() => store.update(record)) };
}

const names = ['disk', 'tap', 'process'];

/** A saga on a set of names; its last step fails when `fails`. */
function worldKind(world: Set<string>, onCrash: 'resume' | 'unwind', fails: boolean): SampleKind {
  const steps = names.map((name) => ({
    name,
    do: async () => void world.add(name),
    undo: async () => void world.delete(name),
  }));
  const last = { name: 'last', do: async () => (fails ? Promise.reject(new Error('last')) : undefined) };
  return sampleKind([...steps, last], { onCrash });
}

describe('recover', () => {
  for (const onCrash of ['resume', 'unwind'] as const) {
    for (const fails of [false, true]) {
      it(`leaves all or nothing wherever a task that ${fails ? 'fails' : 'succeeds'} is killed, by ${onCrash}`, async () => {
        let deaths = 0;
        const ends = new Set<string>();
        for (let lastWrite = 1; deaths === lastWrite - 1; lastWrite += 1) {
          for (const when of ['before', 'after'] as const) {
            const world = new Set<string>();
            const kind = worldKind(world, onCrash, fails);
            const store = createMemoryTaskStore();
            const doomed = await openEngine([kind], { store: mortalStore(store, lastWrite, when) });
            const died = await doomed.engine.start(kind, { locks: ['vm/100'] }, user).then(
              ({ id }) =>
                doomed.engine.wait(id).then(
                  () => false,
                  () => true,
                ),
              () => true,
            );
            if (died && when === 'before') deaths += 1;

            const next = await openEngine([kind], { store });
            const id = store.list()[0]?.id;
            if (id === undefined) continue;
            const task = await next.engine.wait(id);
            ends.add(`${task.state} ${task.error?.code ?? ''}`);
            assert.deepEqual([...world].sort(), task.state === 'succeeded' ? names.toSorted() : [], `write ${lastWrite}, ${when}`);
            // The locks are free again.
            await next.engine.wait((await next.engine.start(kind, { locks: ['vm/100'] }, user)).id);
          }
        }
        // Queued; two for each of four steps; the end. A failure: for the last step one, the turn, two for each undo, the end.
        assert.equal(deaths, fails ? 1 + 2 * 3 + 1 + 1 + 2 * 3 + 1 : 1 + 2 * 4 + 1);
        const expected = {
          'resume false': ['succeeded '],
          'resume true': ['failed internal'],
          'unwind false': ['failed task.interrupted', 'succeeded '],
          'unwind true': ['failed internal', 'failed task.interrupted'],
        };
        assert.deepEqual([...ends].sort(), expected[`${onCrash} ${fails}`]);
      });
    }
  }

  it('undoes a cancelled task even if its kind resumes', async () => {
    const trace: string[] = [];
    const gate = makeGate();
    const kind = sampleKind([tracingStep('disk', trace), tracingStep('gate', trace, { do: ({ signal }) => gate.pass(signal) })], {
      onCrash: 'resume',
    });
    const first = await openEngine([kind]);
    const { id } = await first.engine.start(kind, {}, user);
    await gate.reached;
    // Both before the step has noticed either.
    await Promise.all([first.engine.cancel(id), first.engine.close()]);
    assert.equal(first.store.get(id)?.state, 'running');
    const next = await openEngine([kind], { store: first.store });
    assert.equal((await next.engine.wait(id)).state, 'cancelled');
    assert.deepEqual(trace, ['+disk', '-gate', '-disk']);
  });

  it('runs what waited in the order it came, after what had begun', async () => {
    const trace: string[] = [];
    const gate = makeGate();
    const slow = sampleKind([tracingStep('gate', trace, { do: ({ signal }) => gate.pass(signal) })], { onCrash: 'resume' });
    const tracing = (name: string): SampleKind => sampleKind([tracingStep(name, trace)], { kind: `sample.${name}`, onCrash: 'resume' });
    const kinds = [slow, tracing('a'), tracing('b')];
    const input = { locks: ['vm/100'] };
    const first = await openEngine(kinds);
    await first.engine.start(slow, input, user);
    await first.engine.start('sample.a', input, user);
    const last = await first.engine.start('sample.b', input, user);
    await gate.reached;
    await first.engine.close();
    await assert.rejects(first.engine.start('sample.a', input, user), { code: 'task.interrupted' });

    const second = await openEngine(kinds, { store: first.store });
    const newest = await second.engine.start('sample.a', input, user);
    assert.equal(second.engine.get(last.id).state, 'queued');
    gate.open();
    await second.engine.wait(newest.id);
    assert.deepEqual(trace, ['+a', '+b', '+a']);
  });

  it('ends what waited when its kind does not resume', async () => {
    const store = createMemoryTaskStore();
    store.insert(sampleRecord({ kind: 'sample.run' }));
    const { engine } = await openEngine([sampleKind([tracingStep('start', [])])], { store });
    const task = engine.get('t1');
    assert.equal(task.state, 'failed');
    assert.equal(task.error?.code, 'task.interrupted');
    assert.equal(task.steps[0]?.state, 'pending');
  });

  it('fails a task of an unknown kind, says what it left, and frees its locks', async () => {
    const store = createMemoryTaskStore();
    store.insert(sampleRecord({ id: 't1', kind: 'old.kind', state: 'running', steps: [{ name: 'start', state: 'running' }] }));
    store.insert(sampleRecord({ id: 't2', kind: 'old.kind' }));
    store.insert(sampleRecord({ id: 't3', kind: 'old.kind', state: 'stuck', locks: [] }));
    const { engine } = await openEngine([sampleKind([])], { store });
    const [begun, waiting] = [engine.get('t1'), engine.get('t2')];
    assert.equal(begun.state, 'failed');
    assert.equal(begun.error?.code, 'task.unknown-kind');
    assert.match(begun.error?.message ?? '', /had begun and were not undone: start/u);
    assert.equal(waiting.state, 'failed');
    assert.match(waiting.error?.message ?? '', /Nothing of it had begun/u);
    await assert.rejects(engine.retry('t3'), { code: 'task.unknown-kind' });
    assert.equal((await engine.wait((await engine.start('sample.run', { locks: ['vm/100'] }, user)).id)).state, 'succeeded');
  });

  it('undoes by their names the steps of an older version, and is stuck at one that it does not have', async () => {
    const trace: string[] = [];
    const store = createMemoryTaskStore();
    const steps = ['disk', 'tap', 'process'].map((name) => ({ name, state: 'done' as const }));
    const running = { kind: 'sample.run', state: 'running' as const, locks: [] };
    store.insert(sampleRecord({ ...running, id: 't1', steps: [...steps, { name: 'last', state: 'running' }] }));
    store.insert(
      sampleRecord({ ...running, id: 't2', steps: [{ name: 'gone', state: 'done' }, ...steps, { name: 'last', state: 'running' }] }),
    );
    const kind = sampleKind(
      ['disk', 'new', 'tap', 'process', 'last'].map((name) => tracingStep(name, trace)),
      { onCrash: 'resume' },
    );
    const { engine } = await openEngine([kind], { store });
    assert.equal((await engine.wait('t1')).error?.code, 'task.interrupted');
    assert.deepEqual(trace.splice(0).slice(0, 4), ['-last', '-last', '-process', '-process']);
    const stuck = await engine.wait('t2');
    assert.equal(stuck.state, 'stuck');
    assert.match(stuck.error?.message ?? '', /"gone" could not be undone: .*no such step/u);
  });

  it('is stuck when the kind cannot read the input of its older self', async () => {
    const store = createMemoryTaskStore();
    store.insert(sampleRecord({ kind: 'sample.run', state: 'running', steps: [{ name: 'start', state: 'running' }] }));
    let understands = false;
    const trace: string[] = [];
    const kind = sampleKind([], {
      steps: () => (understands ? [tracingStep('start', trace)] : assert.fail('what input is this?')),
    });
    const { engine, logged } = await openEngine([kind], { store });
    assert.equal(engine.get('t1').state, 'stuck');
    assert.equal(logged.length, 1);
    await assert.rejects(engine.retry('t1'), /what input is this/u);
    assert.equal(engine.get('t1').state, 'stuck');
    understands = true;
    await engine.retry('t1');
    assert.equal((await engine.wait('t1')).state, 'failed');
    assert.deepEqual(trace, ['-start']);
  });

  it('goes on with the others when a record cannot be written', async () => {
    const store = createMemoryTaskStore();
    store.insert(sampleRecord({ id: 't1', kind: 'old.kind' }));
    store.insert(sampleRecord({ id: 't2', kind: 'sample.run', locks: [] }));
    const failing: TaskStore = {
      ...store,
      update: (record) => (record.id === 't1' ? assert.fail('the disk is full') : store.update(record)),
    };
    const { engine } = await openEngine([sampleKind([], { onCrash: 'resume' })], { store: failing });
    await assert.rejects(engine.wait('t1'), /the disk is full/u);
    // Its record names a step that the kind does not have, so it is not resumed; but it was taken up.
    assert.equal((await engine.wait('t2')).state, 'failed');
  });

  it('takes the locks of the past before it is called', async () => {
    const store = createMemoryTaskStore();
    store.insert(sampleRecord({ state: 'stuck', kind: 'sample.run' }));
    const { engine } = await openEngine([sampleKind([])], { store });
    const { id } = await engine.start('sample.run', { locks: ['vm/100'] }, user);
    await engine.wait((await engine.start('sample.run', { locks: ['vm/101'] }, user)).id);
    assert.equal(engine.get(id).state, 'queued');
  });
});

describe('close', () => {
  it('aborts do and undo with a reason, undoes nothing, and leaves the task running', async () => {
    for (const kind of ['do', 'undo'] as const) {
      const trace: string[] = [];
      const gate = makeGate();
      const steps = [
        tracingStep('disk', trace),
        tracingStep('gate', trace, { [kind]: ({ signal }: { signal: AbortSignal }) => gate.pass(signal) }),
        tracingStep('fail', trace, { do: async () => Promise.reject(new Error('no')) }),
      ];
      const first = await openEngine([sampleKind(steps, { onCrash: 'unwind' })]);
      const { id } = await first.engine.start('sample.run', {}, user);
      await gate.reached;
      const waiting = assert.rejects(first.engine.wait(id), { code: 'task.interrupted' });
      await first.engine.close();
      await waiting;
      assert.equal(first.store.get(id)?.state, kind === 'do' ? 'running' : 'unwinding');
      assert.ok(!trace.includes('-disk'));
      gate.open();
      const second = await openEngine([sampleKind(steps)], { store: first.store });
      assert.equal((await second.engine.wait(id)).state, 'failed');
      assert.equal(trace.at(-1), '-disk');
    }
  });

  it('keeps the result of a step that ends all the same, and begins no other', async () => {
    const trace: string[] = [];
    const gate = makeGate();
    const deaf = new AbortController().signal;
    const kind = sampleKind([tracingStep('gate', trace, { do: () => gate.pass(deaf) }), tracingStep('disk', trace)], { onCrash: 'resume' });
    const first = await openEngine([kind]);
    const { id } = await first.engine.start(kind, {}, user);
    await gate.reached;
    const closing = first.engine.close();
    gate.open();
    await closing;
    assert.deepEqual(
      first.store.get(id)?.steps.map(({ state }) => state),
      ['done', 'pending'],
    );
    const second = await openEngine([kind], { store: first.store });
    assert.equal((await second.engine.wait(id)).state, 'succeeded');
    assert.deepEqual(trace, ['+disk']);
  });
});

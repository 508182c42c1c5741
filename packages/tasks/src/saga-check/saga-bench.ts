import assert from 'node:assert/strict';

import type { Task } from '@nakhoda/schema';

import { createTaskEngine } from '../create-task-engine.ts';
import { createMemoryTaskStore } from '../memory-task-store.ts';
import type { TaskEngine } from '../task-engine.ts';
import type { TaskKind } from '../task-kind.ts';
import { withHooks } from './faulty-kind.ts';
import type { StepHooks } from './faulty-kind.ts';

/** One saga in a world of its own, which it has not touched yet. */
export interface SagaWorld<I, S extends object, R> {
  kind: TaskKind<I, S, R>;
  input: I;
  /** Everything that the saga can change, in a form that `deepEqual` compares and that is the same in every fresh world. */
  snapshotWorld(): unknown;
  /** Removes the world. */
  close?(): Promise<void> | void;
}

/** Carries one scenario out: engines on one store, in one world. */
export interface SagaBench {
  readonly steps: readonly { name: string; hasUndo: boolean; isCancellable: boolean }[];
  /** The world before anything was done. */
  readonly before: unknown;
  snapshot(): Promise<unknown>;
  /** Starts the saga on a fresh engine and waits for its end. */
  run(hooks?: StepHooks): Promise<Task>;
  /** Cancels the task that `run` waits for. */
  cancel(): Promise<void>;
  /** The same, but on the engine of the last `run`, which still has a stuck task. */
  retry(id: string): Promise<Task>;
  /**
   * Starts the saga, drops the engine at the point where a hook calls `crash`, as a killed daemon would stop
   * there, and lets a new engine without hooks recover the task.
   */
  crash(makeHooks: (crash: () => Promise<never>) => StepHooks): Promise<Task>;
}

export async function openBench<I, S extends object, R>(world: SagaWorld<I, S, R>, timeoutMs: number): Promise<SagaBench> {
  const { kind, input } = world;
  const steps = kind.steps(input);
  const store = createMemoryTaskStore();
  const snapshot = async (): Promise<unknown> => structuredClone(await world.snapshotWorld());
  let engine: TaskEngine | undefined;

  const open = async (hooks: StepHooks): Promise<TaskEngine> => {
    const opened = createTaskEngine({ store, onChange: () => {}, log: () => {} });
    opened.register(withHooks(kind, hooks));
    await opened.recover();
    engine = opened;
    return opened;
  };
  const limit = async <T>(promise: Promise<T>, what: string): Promise<T> => {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`${what} did not come within ${timeoutMs} ms`)), timeoutMs);
    return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
  };

  return {
    steps: steps.map(({ name, undo, cancellable }) => ({ name, hasUndo: undo !== undefined, isCancellable: cancellable !== false })),
    before: await snapshot(),
    snapshot,
    run: async (hooks = {}) => {
      const opened = await open(hooks);
      const { id } = await opened.start(kind.kind, input, { user: 'saga-check' });
      return limit(opened.wait(id), 'the end of the task');
    },
    cancel: async () => {
      const task = engine?.list({ limit: 1 })[0];
      assert.ok(task !== undefined, 'cancel comes while run waits');
      await engine?.cancel(task.id);
    },
    retry: async (id) => {
      assert.ok(engine !== undefined, 'retry comes after run');
      await engine.retry(id);
      return limit(engine.wait(id), 'the end of the retried task');
    },
    crash: async (makeHooks) => {
      const reached = Promise.withResolvers<void>();
      const hooks = makeHooks(() => {
        reached.resolve();
        // A step that never ends: its engine writes nothing any more, like a dead one.
        return new Promise<never>(() => {});
      });
      const doomed = await open(hooks);
      const { id } = await doomed.start(kind.kind, input, { user: 'saga-check' });
      const early = doomed.wait(id).then(({ state }) => assert.fail(`the task ended as ${state} before the point of the crash`));
      await limit(Promise.race([reached.promise, early]), 'the point of the crash');
      const next = await open({});
      return limit(next.wait(id), 'the end of the recovered task');
    },
  };
}

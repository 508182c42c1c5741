import assert from 'node:assert/strict';

import type { Task } from '@nakhoda/schema';

import type { StepHook } from './faulty-kind.ts';
import type { SagaBench } from './saga-bench.ts';

const faultMark = 'injected fault';
const bothTimes = ['before', 'after'] as const;

/** A point of a saga: before or after one step's own work. */
interface Point {
  index: number;
  when: (typeof bothTimes)[number];
}

export interface Scenario {
  name: string;
  play(bench: SagaBench): Promise<void>;
}

/** What a clean run has shown: the steps, and the world it leaves. */
export interface CleanRun extends Pick<SagaBench, 'steps'> {
  after: unknown;
}

export async function cleanRun(bench: SagaBench): Promise<CleanRun> {
  expectState(await bench.run(), 'succeeded');
  return { steps: bench.steps, after: await bench.snapshot() };
}

/** Every fault at every point of the saga. */
export function planScenarios(clean: CleanRun, pointOfNoReturn: string | undefined): Scenario[] {
  const { steps } = clean;
  const expect = createExpectations(clean, pointOfNoReturn);
  const last: Point = { index: steps.length - 1, when: 'after' };
  const points = steps.flatMap((step, index) => bothTimes.map((when) => ({ ...step, index, when })));
  return [
    ...twiceScenarios(last, expect),
    ...points.flatMap((point) => [failure(point, expect), kill(point, expect)]),
    ...points.filter(({ isCancellable }) => isCancellable).map((point) => cancellation(point, expect)),
    ...points.filter(({ hasUndo }) => hasUndo).flatMap((point) => [undoFailure(point, last, expect), undoKill(point, last, expect)]),
  ];
}

type NamedPoint = Point & { name: string };

function twiceScenarios(last: Point, expect: Expectations): Scenario[] {
  return [
    {
      name: 'every do twice',
      play: async (bench) => {
        expectState(await bench.run({ do: twice }), 'succeeded');
        await expect.cleanEnd(bench);
      },
    },
    {
      name: 'every do and undo twice',
      play: async (bench) => {
        const failLast = at(last, throwFault);
        const task = await bench.run({ do: (index, run, signal) => failLast(index, () => twice(index, run), signal), undo: twice });
        expectFault(task);
        await expect.noTrace(bench, last);
      },
    },
  ];
}

function failure(point: NamedPoint, expect: Expectations): Scenario {
  return {
    name: `failure ${point.when} "${point.name}"`,
    play: async (bench) => {
      expectFault(await bench.run({ do: at(point, throwFault) }));
      await expect.noTrace(bench, point);
    },
  };
}

function kill(point: NamedPoint, expect: Expectations): Scenario {
  return {
    name: `daemon killed ${point.when} "${point.name}"`,
    play: async (bench) => {
      const task = await bench.crash((crash) => ({ do: at(point, crash) }));
      if (task.state === 'succeeded') {
        await expect.cleanEnd(bench);
        return;
      }
      expectState(task, 'failed');
      await expect.noTrace(bench, point);
    },
  };
}

function cancellation(point: NamedPoint, expect: Expectations): Scenario {
  return {
    name: `cancelled ${point.when} "${point.name}"`,
    play: async (bench) => {
      const cancel = at(point, async (signal) => {
        await bench.cancel();
        signal.throwIfAborted();
      });
      const task = await bench.run({ do: cancel });
      expectState(task, 'cancelled');
      assert.ok(task.error?.code === 'task.cancelled', 'a cancelled task says so');
      await expect.noTrace(bench, point);
    },
  };
}

function undoFailure(point: NamedPoint, last: Point, expect: Expectations): Scenario {
  return {
    name: `undo of "${point.name}" failing once ${point.when} its work`,
    play: async (bench) => {
      let hasFailed = false;
      const failOnce = at(point, async () => {
        if (hasFailed) return;
        hasFailed = true;
        await throwFault();
      });
      const stuck = await bench.run({ do: at(last, throwFault), undo: failOnce });
      expectState(stuck, 'stuck');
      assert.ok(stuck.error?.code === 'task.stuck', 'a stuck task says so');
      expectFault(await bench.retry(stuck.id));
      await expect.noTrace(bench, last);
    },
  };
}

function undoKill(point: NamedPoint, last: Point, expect: Expectations): Scenario {
  return {
    name: `daemon killed ${point.when} the undo of "${point.name}"`,
    play: async (bench) => {
      expectFault(await bench.crash((crash) => ({ do: at(last, throwFault), undo: at(point, crash) })));
      await expect.noTrace(bench, last);
    },
  };
}

interface Expectations {
  /** The world is as a clean run leaves it. */
  cleanEnd(bench: SagaBench): Promise<void>;
  /** After a fault at this point: the world is as before, or, past the point of no return, a second run completes it. */
  noTrace(bench: SagaBench, point: Point): Promise<void>;
}

function createExpectations({ steps, after }: CleanRun, pointOfNoReturn: string | undefined): Expectations {
  const barrier = pointOfNoReturn === undefined ? steps.length : steps.findIndex(({ name }) => name === pointOfNoReturn);
  assert.notEqual(barrier, -1, `there is no step "${pointOfNoReturn}"`);
  const cleanEnd = async (bench: SagaBench): Promise<void> =>
    expectWorld(await bench.snapshot(), after, 'the world is not what a clean run makes of it');
  return {
    cleanEnd,
    noTrace: async (bench, { index, when }) => {
      const canReturn = index < barrier || (index === barrier && when === 'before');
      if (canReturn) {
        expectWorld(await bench.snapshot(), bench.before, 'the task was undone, and the world is not what it was before');
        return;
      }
      expectState(await bench.run(), 'succeeded');
      await cleanEnd(bench);
    },
  };
}

/** A hook that does something at one point, and leaves the other steps alone. */
function at(point: Point, act: (signal: AbortSignal) => Promise<void>): StepHook {
  return async (index, run, signal) => {
    if (index === point.index && point.when === 'before') await act(signal);
    await run();
    if (index === point.index && point.when === 'after') await act(signal);
  };
}

async function twice(_index: number, run: () => Promise<void>): Promise<void> {
  await run();
  await run();
}

async function throwFault(): Promise<never> {
  throw new Error(faultMark);
}

/** `deepEqual` with a message of one's own would not show the difference. */
function expectWorld(actual: unknown, expected: unknown, complaint: string): void {
  try {
    assert.deepEqual(actual, expected);
  } catch (error) {
    throw new Error(`${complaint}: ${(error as Error).message}`, { cause: error });
  }
}

function expectState({ state, error }: Task, expected: Task['state']): void {
  assert.ok(state === expected, `the task is ${state}, not ${expected}${error === null ? '' : `: ${error.message}`}`);
}

function expectFault(task: Task): void {
  expectState(task, 'failed');
  assert.ok(task.error?.message.includes(faultMark), `the task carries another error than its step's: ${JSON.stringify(task.error)}`);
}

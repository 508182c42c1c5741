import { toNakhodaError } from '@nakhoda/schema';
import type { Task, TaskError, TaskRecord } from '@nakhoda/schema';

import { hasSameSteps, toTask } from './live-task.ts';
import type { LiveTask } from './live-task.ts';
import { interruptedError, notFoundError, stuckError, toTaskError, unknownKindError } from './task-errors.ts';
import type { AnyTaskKind } from './task-kind.ts';
import { endTime } from './task-run.ts';
import type { TaskRunner } from './task-runner.ts';
import type { TaskStore } from './task-store.ts';

export interface TaskRecovery {
  /** Sets every task of the last daemon on its way again. */
  recover(): void;
  /** Sets a stuck task on its way again. */
  retry(id: string): Task;
}

/** Goes on with tasks that the store has and no run has in hand. Takes their locks at once. */
export function createTaskRecovery(options: {
  store: TaskStore;
  runner: TaskRunner;
  kinds: ReadonlyMap<string, AnyTaskKind>;
}): TaskRecovery {
  const { store, runner, kinds } = options;
  const left = store.list({ states: ['queued', 'running', 'unwinding', 'stuck'] }).toReversed();
  const recovered = Promise.withResolvers<void>();

  const launchQueued = async (id: string): Promise<void> => {
    await recovered.promise;
    const task = runner.find(id);
    if (task?.record.state === 'queued') runner.launchForward(task);
  };
  // The holders first: what waits must find their locks taken.
  for (const { id, locks, state } of left) if (state !== 'queued') runner.locks.hold(id, locks);
  for (const { id, locks, state } of left) if (state === 'queued') runner.locks.request(id, locks, () => void launchQueued(id));

  const end = (record: TaskRecord, state: 'failed' | 'stuck', error: TaskError): void => {
    Object.assign(record, { state, error, endedAt: endTime(record, runner.now()) } satisfies Partial<TaskRecord>);
    runner.save(record);
  };

  const recoverOne = (record: TaskRecord): void => {
    const kind = kinds.get(record.kind);
    if (kind === undefined) {
      end(record, 'failed', toTaskError(unknownKindError(record)));
      return;
    }
    const interrupted = toTaskError(interruptedError(record.title));
    let task: LiveTask;
    let mayResume: boolean;
    try {
      task = runner.prepare(record, kind);
      mayResume = kind.onCrash === 'resume' && hasSameSteps(kind, record);
    } catch (error) {
      // The kind cannot read the input of its older self. Nobody knows what to undo, so somebody has to look.
      runner.report(record, 'The steps of a task of the last daemon cannot be found.', error);
      record.outcome ??= interrupted;
      end(record, 'stuck', toTaskError(stuckError('?', toNakhodaError(error).message, record.outcome)));
      return;
    }
    runner.add(task);
    if (record.state === 'queued') {
      if (!mayResume) end(record, 'failed', interrupted);
      return;
    }
    // What lacks only its last row is not undone for that.
    const goesOn = record.outcome === null && (mayResume || record.steps.every(({ state }) => state === 'done'));
    task.log(`The daemon was started again; the task ${goesOn ? 'goes on' : 'is undone'}.`);
    if (goesOn) runner.launchForward(task);
    else runner.launchUndo(task, record.outcome ?? interrupted);
  };

  return {
    recover: () => {
      for (const record of left.splice(0)) {
        if (record.state === 'stuck') continue;
        try {
          recoverOne(record);
        } catch (error) {
          runner.halt(record, error);
        }
      }
      recovered.resolve();
    },
    retry: (id) => {
      const record = store.get(id);
      if (record === null) throw notFoundError(id);
      const kind = kinds.get(record.kind);
      if (kind === undefined) throw unknownKindError(record);
      const task = runner.prepare(record, kind);
      const outcome = record.outcome ?? toTaskError(interruptedError(record.title));
      Object.assign(record, { state: 'unwinding', outcome, error: outcome, endedAt: null } satisfies Partial<TaskRecord>);
      runner.save(record);
      runner.add(task);
      runner.launchUndo(task, outcome);
      return toTask(record);
    },
  };
}

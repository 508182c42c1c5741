import { hasEnded, toNakhodaError } from '@nakhoda/schema';
import type { NakhodaError, TaskError, TaskRecord } from '@nakhoda/schema';

import { matchSteps, toTask } from './live-task.ts';
import type { LiveTask } from './live-task.ts';
import { createLockQueue } from './lock-queue.ts';
import type { LockQueue } from './lock-queue.ts';
import { stoppingError } from './task-errors.ts';
import type { TaskEngineOptions } from './task-engine.ts';
import type { AnyTaskKind } from './task-kind.ts';
import { createTaskLog } from './task-log.ts';
import { runForward, runUndo } from './task-run.ts';
import type { RunEnvironment } from './task-run.ts';

/** The tasks that this process has in hand, and the means to run them. */
export interface TaskRunner {
  readonly locks: LockQueue;
  now(): string;
  /** Joins a record with its code. Throws what the kind throws. */
  prepare(record: TaskRecord, kind: AnyTaskKind): LiveTask;
  /** Takes a task in hand, until it has ended. */
  add(task: LiveTask): void;
  find(id: string): LiveTask | undefined;
  /** Lets the task stand still, as its row says, until the daemon is started again: its record cannot be written. */
  halt(record: TaskRecord, error: unknown): void;
  /** Why the task stands still, if it does: its record could not be written. */
  haltReason(id: string): NakhodaError | undefined;
  /** Does the task's steps, to its end. Returns at once. */
  launchForward(task: LiveTask): void;
  /** Undoes the task's steps, to its end. Returns at once. */
  launchUndo(task: LiveTask, outcome: TaskError): void;
  /** Writes the record and announces it; lets go of the task when it has ended. */
  save(record: TaskRecord): void;
  announce(record: TaskRecord): void;
  report(record: TaskRecord, message: string, error: unknown): void;
  readonly isStopping: boolean;
  /** Aborts all steps and returns when they have stopped. */
  stop(): Promise<void>;
}

export function createTaskRunner(options: TaskEngineOptions, wake: (id: string) => void): TaskRunner {
  const { store, clock = Date.now } = options;
  const live = new Map<string, LiveTask>();
  const halted = new Map<string, NakhodaError>();
  const runs = new Set<Promise<void>>();
  const stopping = new AbortController();
  const locks = createLockQueue();
  const now = (): string => new Date(clock()).toISOString();

  const report: TaskRunner['report'] = ({ id, requestId }, message, error) => options.log({ message, taskId: id, requestId, error });
  const announce = (record: TaskRecord): void => {
    const task = live.get(record.id);
    if (task !== undefined) task.shown = toTask(record);
    wake(record.id);
    try {
      options.onChange(toTask(record));
    } catch (error) {
      report(record, 'A listener of task changes failed.', error);
    }
  };
  const save = (record: TaskRecord): void => {
    store.update(record);
    if (hasEnded(record)) {
      live.delete(record.id);
      if (record.state !== 'stuck') locks.release(record.id);
    }
    announce(record);
  };
  const environment: RunEnvironment = {
    now,
    save: ({ record }) => save(record),
    announce: ({ record }) => announce(record),
    wake: ({ record }) => wake(record.id),
    report: ({ record }, message, error) => report(record, message, error),
    stopping: stopping.signal,
  };

  const halt = (record: TaskRecord, error: unknown): void => {
    // What has not been written has not happened: from now on the task is what its row says.
    live.delete(record.id);
    halted.set(record.id, toNakhodaError(error));
    report(record, 'The task stands still until the daemon is started again: its record cannot be written.', error);
    wake(record.id);
  };

  const launch = ({ record }: LiveTask, work: () => Promise<void>): void => {
    const run = async (): Promise<void> => {
      // Not within the call that caused it, so that `start` returns a task that is queued.
      await Promise.resolve();
      if (stopping.signal.aborted || hasEnded(record)) return;
      try {
        await work();
      } catch (error) {
        halt(record, error);
      }
    };
    const promise = run().finally(() => runs.delete(promise));
    runs.add(promise);
  };

  return {
    locks,
    now,
    prepare: (record, kind) => ({
      record,
      shown: toTask(record),
      kind,
      steps: matchSteps(kind, record),
      state: structuredClone(record.data) as object,
      cancel: new AbortController(),
      log: createTaskLog(record.id, { store, now }),
    }),
    add: (task) => void live.set(task.record.id, task),
    find: (id) => live.get(id),
    halt,
    haltReason: (id) => halted.get(id),
    launchForward: (task) => launch(task, () => runForward(task, environment)),
    launchUndo: (task, outcome) => launch(task, () => runUndo(task, environment, outcome)),
    save,
    announce,
    report,
    get isStopping() {
      return stopping.signal.aborted;
    },
    stop: async () => {
      stopping.abort(stoppingError());
      await Promise.all(runs);
    },
  };
}

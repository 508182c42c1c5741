import { NakhodaError, hasEnded } from '@nakhoda/schema';
import type { Task, TaskRecord } from '@nakhoda/schema';

import { checkStepNames, jsonCopy, toTask } from './live-task.ts';
import * as errors from './task-errors.ts';
import type { TaskEngine, TaskEngineOptions } from './task-engine.ts';
import { createTaskIds } from './task-id.ts';
import type { AnyTaskKind } from './task-kind.ts';
import { createTaskRecovery } from './task-recovery.ts';
import { createTaskRunner } from './task-runner.ts';
import { createTaskWatchers } from './task-watch.ts';

/** Tasks older than the newest so many are removed once they have ended. */
const keptTasks = 1000;

/**
 * A task engine on a store that no other engine uses. It takes the locks of the store's unfinished tasks at
 * once, so that a task that is started before `recover` was called waits for them too.
 */
export function createTaskEngine(options: TaskEngineOptions): TaskEngine {
  const { store, clock = Date.now } = options;
  const kinds = new Map<string, AnyTaskKind>();
  const nextId = createTaskIds(clock, store.list({ limit: 1 })[0]?.id);
  const read = (id: string): Task | null => {
    const shown = runner.find(id)?.shown;
    if (shown !== undefined) return structuredClone(shown);
    const record = store.get(id);
    return record === null ? null : toTask(record);
  };
  const watchers = createTaskWatchers({
    read,
    log: (id, afterSeq) => store.log(id, afterSeq),
    isHalted: (id) => runner.haltReason(id) !== undefined,
  });
  const runner = createTaskRunner(options, watchers.wake);
  const recovery = createTaskRecovery({ store, runner, kinds });

  const get = (id: string): Task => {
    const task = read(id);
    if (task === null) throw errors.notFoundError(id);
    return task;
  };
  const prune = (record: TaskRecord): void => {
    try {
      store.prune(keptTasks);
    } catch (error) {
      runner.report(record, 'Old tasks could not be removed.', error);
    }
  };

  return {
    register: (kind) => {
      if (kinds.has(kind.kind)) throw defect(`The task kind ${kind.kind} is registered twice.`);
      kinds.set(kind.kind, kind);
    },

    start: async (kindOrName, input, { user, requestId = null }) => {
      if (runner.isStopping) throw errors.stoppingError();
      const name = typeof kindOrName === 'string' ? kindOrName : kindOrName.kind;
      const kind = kinds.get(name);
      if (kind === undefined) throw defect(`There is no task kind ${name}.`);
      const record = newRecord(kind, jsonCopy<unknown>(input, `The input of ${name}`), {
        id: nextId(),
        user,
        requestId,
        createdAt: runner.now(),
      });
      store.insert(record);
      prune(record);
      const task = runner.prepare(record, kind);
      runner.add(task);
      runner.announce(record);
      const queued = toTask(record);
      runner.locks.request(record.id, record.locks, () => runner.launchForward(task));
      return queued;
    },

    get,
    list: ({ state, target, limit } = {}) => {
      const query = { ...(state && { states: [state] }), ...(target !== undefined && { target }), ...(limit !== undefined && { limit }) };
      return store.list(query).map((record) => structuredClone(runner.find(record.id)?.shown) ?? toTask(record));
    },

    cancel: async (id) => {
      const { title } = get(id);
      const halted = runner.haltReason(id);
      if (halted !== undefined) throw halted;
      const task = runner.find(id);
      if (task === undefined) throw errors.notCancellableError(`"${title}" has ended already.`, 'Look at its outcome.');
      const { record } = task;
      if (record.outcome?.code === 'task.cancelled') return toTask(record);
      if (record.outcome !== null) throw errors.notCancellableError(`"${title}" is being undone already.`, 'Wait for its end.');
      const step = task.steps.find((_, index) => record.steps[index]?.state === 'running');
      if (step?.cancellable === false) {
        throw errors.notCancellableError(
          `The step "${step.name}" of "${title}" cannot be interrupted.`,
          'Wait for its end, or try again later.',
        );
      }
      const reason = errors.cancelledError(title);
      record.outcome = errors.toTaskError(reason);
      if (record.state === 'queued') {
        Object.assign(record, { state: 'cancelled', error: record.outcome, endedAt: runner.now() } satisfies Partial<TaskRecord>);
      }
      task.cancel.abort(reason);
      runner.save(record);
      return toTask(record);
    },

    retry: async (id) => {
      const { title, state } = get(id);
      if (state !== 'stuck') throw errors.notCancellableError(`"${title}" is not stuck but ${state}.`, 'Retry stuck tasks only.');
      return recovery.retry(id);
    },

    wait: async (id) => {
      for (;;) {
        const task = get(id);
        if (hasEnded(task)) return task;
        const halted = runner.haltReason(id);
        if (halted !== undefined) throw halted;
        if (watchers.isClosed) throw errors.stoppingError();
        await watchers.nextChange(id);
      }
    },

    log: (id, afterSeq = 0) => {
      get(id);
      return store.log(id, afterSeq);
    },
    follow: (id, signal) => {
      get(id);
      return watchers.follow(id, signal);
    },

    isLocked: (lock) => runner.locks.isWanted(lock),
    recover: async () => recovery.recover(),
    close: async () => {
      await runner.stop();
      watchers.close();
    },
  };
}

function newRecord(kind: AnyTaskKind, input: unknown, known: Pick<TaskRecord, 'id' | 'user' | 'requestId' | 'createdAt'>): TaskRecord {
  const names = kind.steps(input).map(({ name }) => name);
  checkStepNames(kind.kind, names);
  return {
    ...known,
    kind: kind.kind,
    title: kind.title(input),
    target: kind.target(input),
    state: 'queued',
    input,
    data: jsonCopy(kind.initialState(input), `The state of ${kind.kind}`),
    locks: [...new Set(kind.locks(input))].sort(),
    steps: names.map((name) => ({ name, state: 'pending' })),
    progress: 0,
    result: null,
    outcome: null,
    error: null,
    startedAt: null,
    endedAt: null,
  };
}

function defect(message: string): NakhodaError {
  return new NakhodaError('internal', { message, hint: 'Report this; it is a defect of Nakhoda.' });
}

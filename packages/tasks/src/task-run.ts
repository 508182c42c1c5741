import { toNakhodaError } from '@nakhoda/schema';
import type { TaskError, TaskStep } from '@nakhoda/schema';

import { jsonCopy } from './live-task.ts';
import type { LiveTask } from './live-task.ts';
import { stuckError, toTaskError } from './task-errors.ts';
import type { StepContext } from './task-kind.ts';

/** What a run needs of the engine. */
export interface RunEnvironment {
  now(): string;
  /** Writes the record and announces it. */
  save(task: LiveTask): void;
  /** Tells everybody who watches that the task has changed; writes nothing. */
  announce(task: LiveTask): void;
  /** Tells those who follow the task that its log has grown. */
  wake(task: LiveTask): void;
  /** For the daemon's log: an error with its cause. */
  report(task: LiveTask, message: string, error: unknown): void;
  /** Aborts when the daemon stops. */
  readonly stopping: AbortSignal;
}

/** Progress is announced in steps of one percent, so that a chatty step does not flood those who watch. */
const announcedProgress = 0.01;

/**
 * Does the steps that are not done yet, and undoes all when one fails or the task was cancelled. Returns when
 * the task has ended, is stuck, or the daemon stops; then the record says where to go on. Throws only when the
 * record cannot be written.
 */
export async function runForward(task: LiveTask, env: RunEnvironment): Promise<void> {
  const { record } = task;
  record.state = 'running';
  record.startedAt ??= env.now();
  for (const [index, entry] of record.steps.entries()) {
    if (entry.state === 'done') continue;
    if (env.stopping.aborted) return;
    begin(entry, 'running', env);
    env.save(task);
    try {
      await doStep(task, index, env);
    } catch (error) {
      // Whatever the step threw, the stop may have caused it: the next start tries again.
      if (env.stopping.aborted) return;
      end(entry, 'failed', env);
      keepState(task);
      const failure = toTaskError(toNakhodaError(error));
      const outcome = record.outcome ?? failure;
      tell(task, env, `The step "${entry.name}" ${record.outcome === null ? 'failed' : 'was cancelled'}: ${failure.message}`, error);
      await runUndo(task, env, outcome);
      return;
    }
    end(entry, 'done', env);
    record.progress = progressAt(task, index, 1);
    env.save(task);
    if (record.outcome !== null) {
      await runUndo(task, env, record.outcome);
      return;
    }
  }
  await succeed(task, env);
}

async function succeed(task: LiveTask, env: RunEnvironment): Promise<void> {
  const { record, kind } = task;
  try {
    record.result = jsonCopy(kind.result?.(task.state) ?? null, `The result of ${kind.kind}`);
  } catch (error) {
    tell(task, env, 'The steps are done, but their result cannot be told.', error);
    await runUndo(task, env, toTaskError(toNakhodaError(error)));
    return;
  }
  record.state = 'succeeded';
  record.progress = 1;
  record.endedAt = endTime(record, env.now());
  env.save(task);
}

/**
 * Undoes every step that had begun, last first, and ends the task as failed or cancelled, by `outcome`.
 * An undo that throws leaves it stuck. Returns early when the daemon stops.
 */
export async function runUndo(task: LiveTask, env: RunEnvironment, outcome: TaskError): Promise<void> {
  const { record } = task;
  record.state = 'unwinding';
  record.outcome = outcome;
  record.error = outcome;
  record.endedAt = null;
  env.save(task);
  for (const [index, entry] of [...record.steps.entries()].toReversed()) {
    if (entry.state === 'pending' || entry.state === 'undone') continue;
    const step = task.steps[index];
    if (step !== undefined && step.undo === undefined) continue;
    if (env.stopping.aborted) return;
    begin(entry, 'undoing', env);
    env.save(task);
    try {
      if (step === undefined) throw new Error('this version of Nakhoda has no such step.');
      await undoStep(task, index, env);
    } catch (error) {
      if (env.stopping.aborted) return;
      end(entry, 'failed', env);
      const stuck = stuckError(entry.name, toNakhodaError(error).message, outcome);
      tell(task, env, stuck.message, error);
      record.state = 'stuck';
      record.error = toTaskError(stuck);
      record.endedAt = endTime(record, env.now());
      env.save(task);
      return;
    }
    end(entry, 'undone', env);
    env.save(task);
  }
  record.state = outcome.code === 'task.cancelled' ? 'cancelled' : 'failed';
  record.endedAt = endTime(record, env.now());
  env.save(task);
}

async function doStep(task: LiveTask, index: number, env: RunEnvironment): Promise<void> {
  const { record } = task;
  const signal = AbortSignal.any([task.cancel.signal, env.stopping]);
  let announced = record.progress;
  const onProgress = (fraction: number): void => {
    // Never backwards: a step that is done again after a restart begins anew.
    record.progress = Math.max(record.progress, progressAt(task, index, fraction));
    if (record.progress - announced < announcedProgress) return;
    announced = record.progress;
    env.announce(task);
  };
  await withContext(task, env, { signal, onProgress }, async (context) => task.steps[index]?.do(context));
  record.data = jsonCopy(task.state, `The state of ${record.kind}`);
}

async function undoStep(task: LiveTask, index: number, env: RunEnvironment): Promise<void> {
  // A signal of its own: what a step leaves on it goes with it, and not with the daemon.
  const options = { signal: AbortSignal.any([env.stopping]), onProgress: () => {} };
  await withContext(task, env, options, async (context) => task.steps[index]?.undo?.(context));
  keepState(task);
}

/** Keeps what a failed `do`, or an undo, has left in the state, for the undos that follow; unless it is not JSON. */
function keepState({ record, state }: LiveTask): void {
  try {
    record.data = jsonCopy(state, '');
  } catch {
    // Its last good form stays. That it was not JSON has made the `do` fail already.
  }
}

/** Runs one `do` or `undo`. Calls that a step makes after its end are ignored. */
async function withContext(
  task: LiveTask,
  env: RunEnvironment,
  { signal, onProgress }: { signal: AbortSignal; onProgress(fraction: number): void },
  work: (context: StepContext<unknown, object>) => Promise<void>,
): Promise<void> {
  const { record, state } = task;
  let isOpen = true;
  const context: StepContext<unknown, object> = {
    input: record.input,
    state,
    signal,
    taskId: record.id,
    progress: (fraction) => {
      if (isOpen && fraction >= 0 && fraction <= 1) onProgress(fraction);
    },
    log: (line) => {
      if (isOpen) writeLog(task, env, line);
    },
  };
  try {
    await work(context);
  } finally {
    isOpen = false;
  }
}

/** Share of the whole task when so much of this step, and all of those before it, is done. */
function progressAt(task: LiveTask, index: number, fraction: number): number {
  const weights = task.steps.map((step) => step?.weight ?? 1);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const total = sum(weights);
  return total === 0 ? 0 : Math.min(1, (sum(weights.slice(0, index)) + (weights[index] ?? 0) * fraction) / total);
}

/**
 * When something ended; ISO 8601. The host's clock may have been set back since it began: then it took no time, rather
 * than less than none.
 */
export function endTime({ startedAt }: { startedAt?: string | null }, now: string): string {
  return startedAt !== undefined && startedAt !== null && Date.parse(startedAt) > Date.parse(now) ? startedAt : now;
}

function begin(entry: TaskStep, state: 'running' | 'undoing', env: RunEnvironment): void {
  entry.state = state;
  if (state === 'running') entry.startedAt = env.now();
  delete entry.endedAt;
}

function end(entry: TaskStep, state: 'done' | 'failed' | 'undone', env: RunEnvironment): void {
  entry.state = state;
  entry.endedAt = endTime(entry, env.now());
}

function tell(task: LiveTask, env: RunEnvironment, message: string, error: unknown): void {
  writeLog(task, env, message);
  env.report(task, message, error);
}

/** A log that cannot be written must not make a step fail, nor throw into a step's event handler. */
function writeLog(task: LiveTask, env: RunEnvironment, text: string): void {
  try {
    task.log(text);
    env.wake(task);
  } catch (error) {
    env.report(task, 'The log of the task could not be written.', error);
  }
}

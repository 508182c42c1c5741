import { NakhodaError } from '@nakhoda/schema';
import type { TaskError, TaskRecord } from '@nakhoda/schema';

/** The part of an error that a task carries and shows; its cause is for the log alone. */
export function toTaskError({ code, message, hint }: NakhodaError): TaskError {
  return { code, message, hint };
}

export function cancelledError(title: string): NakhodaError {
  return new NakhodaError('task.cancelled', {
    message: `"${title}" was cancelled; what it had begun was undone.`,
    hint: 'Start it again when it is wanted after all.',
  });
}

export function interruptedError(title: string): NakhodaError {
  return new NakhodaError('task.interrupted', {
    message: `The daemon stopped in the middle of "${title}"; what it had begun was undone.`,
    hint: 'Start it again.',
  });
}

/** The reason in the signal of a step that runs while the daemon stops. */
export function stoppingError(): NakhodaError {
  return new NakhodaError('task.interrupted', {
    message: 'The daemon stops; the task goes on when it starts again.',
    hint: 'Start the daemon again.',
  });
}

export function stuckError(step: string, why: string, outcome: TaskError | null): NakhodaError {
  const before = outcome === null ? '' : ` It was being undone because of ${outcome.code}: ${outcome.message}`;
  return new NakhodaError('task.stuck', {
    message: `The step "${step}" could not be undone: ${why}${before}`,
    hint: 'Remove the cause, then retry the task; until then it keeps its locks.',
  });
}

export function unknownKindError({ id, kind, steps }: TaskRecord): NakhodaError {
  const begun = steps.filter(({ state }) => state !== 'pending' && state !== 'undone').map(({ name }) => name);
  const remains = begun.length === 0 ? 'Nothing of it had begun.' : `These steps had begun and were not undone: ${begun.join(', ')}.`;
  return new NakhodaError('task.unknown-kind', {
    message: `This version of Nakhoda does not know the kind ${kind} of task ${id}. ${remains}`,
    hint: 'Look at what the steps left behind; the version that began the task could have finished it.',
  });
}

export function notFoundError(id: string): NakhodaError {
  return new NakhodaError('task.not-found', { message: `There is no task ${id}.`, hint: 'List the tasks; old ones are removed.' });
}

export function notCancellableError(message: string, hint: string): NakhodaError {
  return new NakhodaError('task.not-cancellable', { message, hint });
}

import type { Client } from '@nakhoda/client';
import type { Task } from '@nakhoda/schema';
import { NakhodaError, errorTable, type ErrorCode } from '@nakhoda/schema/errors';

import { Interrupted } from './interrupted.ts';
import type { Progress } from './progress.ts';

export interface FinishOptions {
  readonly client: Client;
  readonly task: Task;
  readonly progress: Progress;
  /** What Ctrl-C does: `leave` lets the task go on, `cancel` stops it and waits until it has undone what it did. */
  readonly onInterrupt: 'leave' | 'cancel';
}

/**
 * Follows a task to its end and gives it when it succeeded.
 * @throws NakhodaError the task's error when it did not; Interrupted after Ctrl-C
 */
export async function finishTask({ client, task, progress, onInterrupt }: FinishOptions): Promise<Task> {
  const leaving = new AbortController();
  let interrupts = 0;
  const interrupt = () => {
    interrupts += 1;
    if (onInterrupt === 'leave' || interrupts > 1) {
      leaving.abort(new Interrupted(`The task ${task.id} goes on. See it: nakhoda task follow ${task.id}`));
      return;
    }
    progress.end();
    process.stderr.write('Cancelling; what the task has made is being removed. Ctrl-C again leaves it alone.\n');
    client.call('task.cancel', { params: { task: task.id } }).catch((error: unknown) => leaving.abort(error));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const ended = await client.followTask(
      task.id,
      (update) => ('task' in update ? progress.task(update.task) : progress.log(update.log)),
      leaving.signal,
    );
    if (interrupts > 0 && ended.state === 'cancelled') throw new Interrupted('The task is cancelled, and what it had made is removed.');
    return succeeded(ended);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    progress.end();
  }
}

function succeeded(task: Task): Task {
  if (task.state === 'succeeded') return task;
  const { code, message, hint } = task.error ?? {
    code: task.state === 'cancelled' ? 'task.cancelled' : 'internal',
    message: `${task.title} ended as ${task.state}.`,
    hint: `Look at it: nakhoda task show ${task.id}`,
  };
  throw new NakhodaError(isErrorCode(code) ? code : 'internal', { message, hint, details: { taskId: task.id } });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

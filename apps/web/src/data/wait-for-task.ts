import type { Task } from '@nakhoda/schema';
import { NakhodaError, fromErrorBody } from '@nakhoda/schema/errors';

import { api } from './session.ts';

/** Waits until a task has succeeded, and gives it. @throws NakhodaError the task's own error when it ended otherwise. */
export async function waitForTask(id: string): Promise<Task> {
  let last: Task | null = null;
  for await (const line of api.followTask(id, new AbortController().signal)) if ('task' in line) last = line.task;
  if (last?.state === 'succeeded') return last;
  throw last?.error
    ? fromErrorBody(last.error as Parameters<typeof fromErrorBody>[0])
    : new NakhodaError('daemon.unreachable', {
        message: 'The connection ended before the task did.',
        hint: 'Look at the task: it goes on without the page.',
      });
}

import type { Invocation } from '../invocation.ts';
import { printResult } from '../invocation.ts';
import { finishTask } from '../finish-task.ts';
import { createProgress } from '../progress.ts';
import { taskOutcome } from '../task-outcome.ts';

/** Watches a task until it ends, with its log. Fails when the task does. */
export async function follow(invocation: Invocation, id: string): Promise<void> {
  const { client, json } = invocation;
  const task = await client.call('task.show', { params: { task: id } });
  const ended = await finishTask({ client, task, progress: createProgress(json ? 'none' : 'log'), onInterrupt: 'leave' });
  await printResult(invocation, ended, () => taskOutcome(ended));
}

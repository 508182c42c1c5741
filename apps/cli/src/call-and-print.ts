import type { RequestParts } from '@nakhoda/client';
import type { EndpointId, Task } from '@nakhoda/schema';

import { finishTask } from './finish-task.ts';
import { renderHuman } from './human.ts';
import { printResult, type Invocation } from './invocation.ts';
import { createProgress } from './progress.ts';
import { taskOutcome } from './task-outcome.ts';

/** Calls an endpoint and prints what it answers; a task is waited for, and its last form printed. */
export async function callAndPrint(
  invocation: Invocation,
  { id, parts, isTask, showLog }: { id: EndpointId; parts: RequestParts; isTask: boolean; showLog: boolean },
): Promise<void> {
  const answer = await invocation.client.callAny(id, parts);
  if (!isTask) {
    await printResult(invocation, answer, () => renderHuman(id, answer));
    return;
  }
  const progress = createProgress(invocation.json ? 'none' : showLog ? 'log' : 'steps');
  const task = await finishTask({ client: invocation.client, task: answer as Task, progress, onInterrupt: 'leave' });
  await printResult(invocation, task, () => taskOutcome(task));
}

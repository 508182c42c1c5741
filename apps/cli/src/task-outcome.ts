import type { RollbackResult, Task } from '@nakhoda/schema';

import { renderRollback } from './render-rollback.ts';
import { printable } from './text.ts';

/** What a person is told of a task that succeeded: `Start web: done in 3.2 s`, and what went back with a rollback. */
export function taskOutcome(task: Task): string {
  const seconds = task.startedAt === null || task.endedAt === null ? null : (Date.parse(task.endedAt) - Date.parse(task.startedAt)) / 1000;
  const done = `${printable(task.title)}: done${seconds === null ? '' : ` in ${seconds.toFixed(1)} s`}`;
  const details = task.kind === 'snapshot.rollback' ? renderRollback(task.result as RollbackResult) : null;
  return details === null ? done : `${done}\n\n${details}`;
}

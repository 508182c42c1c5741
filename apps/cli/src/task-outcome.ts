import type { Task } from '@nakhoda/schema';

import { printable } from './text.ts';

/** What a person is told of a task that succeeded: `Start web: done in 3.2 s`. */
export function taskOutcome(task: Task): string {
  const seconds = task.startedAt === null || task.endedAt === null ? null : (Date.parse(task.endedAt) - Date.parse(task.startedAt)) / 1000;
  return `${printable(task.title)}: done${seconds === null ? '' : ` in ${seconds.toFixed(1)} s`}`;
}

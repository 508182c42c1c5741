import { setTimeout as delay } from 'node:timers/promises';

import type { Task, TaskFollowLine, TaskLogLine } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema/errors';

/** Something new about a task that is followed. */
export type TaskUpdate = { readonly task: Task } | { readonly log: TaskLogLine };

/** How long a daemon may be away, for a restart, before following it is given up. */
const longestAbsenceMs = 60_000;
const retryMs = 250;

export interface FollowOptions {
  /** Opens the task's stream, which begins with its whole log. */
  open(): AsyncIterable<TaskFollowLine>;
  onUpdate(update: TaskUpdate): void;
  readonly signal?: AbortSignal;
}

/** Follows a task to its end, over as many connections as it takes. Throws the last error when the daemon stays away. */
export async function followTask({ open, onUpdate, signal }: FollowOptions): Promise<Task> {
  let lastSeq = -1;
  let lastContact = performance.now();
  // Loaded while the task runs, since it brings the schemas along.
  const loading = import('@nakhoda/schema');
  for (;;) {
    let broken: NakhodaError | null = null;
    try {
      for await (const line of open()) {
        lastContact = performance.now();
        if ('log' in line) {
          if (line.log.seq <= lastSeq) continue;
          lastSeq = line.log.seq;
        }
        onUpdate(line);
        if ('task' in line && (await loading).hasEnded(line.task)) return line.task;
      }
    } catch (thrown) {
      signal?.throwIfAborted();
      if (!(thrown instanceof NakhodaError) || thrown.code !== 'daemon.unreachable') throw thrown;
      broken = thrown;
    }
    if (performance.now() - lastContact > longestAbsenceMs) {
      throw (
        broken ??
        new NakhodaError('daemon.unreachable', {
          message: 'The daemon ends the stream of the task again and again.',
          hint: 'Look into its log, log/daemon.log in the data folder.',
        })
      );
    }
    await delay(retryMs, undefined, signal ? { signal } : {});
  }
}

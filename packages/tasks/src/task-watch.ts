import { hasEnded } from '@nakhoda/schema';
import type { Task, TaskFollowLine, TaskLogLine } from '@nakhoda/schema';

/** What watching needs to read. */
export interface TaskReader {
  /** The present form, or null when there is no such task (any more). */
  read(id: string): Task | null;
  log(id: string, afterSeq: number): TaskLogLine[];
  /** True when nothing more will come of the task in this process. */
  isHalted(id: string): boolean;
}

export interface TaskWatchers {
  /** Something about the task has changed. */
  wake(id: string): void;
  /** Ends all watching: the engine closes. */
  close(): void;
  /** Resolves at the next change of the task, on abort and on close; the caller then looks again. */
  nextChange(id: string, signal?: AbortSignal): Promise<void>;
  follow(id: string, signal: AbortSignal): AsyncIterable<TaskFollowLine>;
  readonly isClosed: boolean;
}

/** Watchers look at the present form when they are woken: a slow one skips forms, and never falls behind. */
export function createTaskWatchers(reader: TaskReader): TaskWatchers {
  const waiting = new Map<string, Set<() => void>>();
  /** Counts wakes, so that a follower sees whether there was one while its reader was busy. */
  let wakes = 0;
  const closing = new AbortController();

  const wake = (id: string): void => {
    wakes += 1;
    for (const resolve of [...(waiting.get(id) ?? [])]) resolve();
  };
  const nextChange = (id: string, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const others = waiting.get(id) ?? new Set();
      waiting.set(id, others);
      const done = (): void => {
        others.delete(done);
        if (others.size === 0) waiting.delete(id);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      others.add(done);
      signal?.addEventListener('abort', done);
    });

  async function* follow(id: string, signal: AbortSignal): AsyncGenerator<TaskFollowLine> {
    let seq = 0;
    let shown = '';
    while (!closing.signal.aborted && !signal.aborted) {
      const wakesBefore = wakes;
      const task = reader.read(id);
      if (task === null) return;
      const lines = reader.log(id, seq);
      const form = JSON.stringify(task);
      const isNew = form !== shown;
      shown = form;
      // The present form comes first, but the last form last: who has read it need not read on.
      if (isNew && !hasEnded(task)) yield { task };
      for (const log of lines) {
        seq = log.seq;
        yield { log };
      }
      if (hasEnded(task)) {
        yield { task };
        return;
      }
      if (reader.isHalted(id)) return;
      if (wakes === wakesBefore && !closing.signal.aborted && !signal.aborted) await nextChange(id, signal);
    }
  }

  return {
    wake,
    nextChange,
    follow,
    close: () => {
      closing.abort();
      for (const id of [...waiting.keys()]) wake(id);
    },
    get isClosed() {
      return closing.signal.aborted;
    },
  };
}

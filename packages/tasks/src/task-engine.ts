import type { Task, TaskFollowLine, TaskLogLine, TaskState } from '@nakhoda/schema';

import type { TaskKind } from './task-kind.ts';
import type { TaskStore } from './task-store.ts';

/** One line for the daemon's log. */
export interface TaskEngineLogEntry {
  message: string;
  taskId: string;
  requestId: string | null;
  /** With its cause, which never leaves the daemon. */
  error: unknown;
}

export interface TaskEngineOptions {
  store: TaskStore;
  /** Called with each form a task takes, in order. */
  onChange(task: Task): void;
  /** Called for each failed step and each failure of the engine's own. */
  log(entry: TaskEngineLogEntry): void;
  /** Milliseconds since 1970; the system's clock when absent. */
  clock?: () => number;
}

export interface TaskEngine {
  /** All kinds are registered before `recover`. */
  register<I, S extends object, R>(kind: TaskKind<I, S, R>): void;
  /** Writes the task down as queued and returns it; it runs as soon as its locks are free. */
  start<I, S extends object, R>(kind: TaskKind<I, S, R> | string, input: I, options: { user: string; requestId?: string }): Promise<Task>;
  /** Throws `task.not-found`. */
  get(id: string): Task;
  /** Newest first. */
  list(query?: { state?: TaskState; target?: string; limit?: number }): Task[];
  /**
   * Aborts the running step and undoes everything; what waits is ended at once. Returns before that is over.
   * To cancel twice is no error. Throws `task.not-found`, and `task.not-cancellable` when the task has ended,
   * is being undone already, or is in a step that cannot be cancelled.
   */
  cancel(id: string): Promise<Task>;
  /** Tries again to undo a stuck task. Throws `task.not-found`, `task.not-cancellable` when it is not stuck, `task.unknown-kind`. */
  retry(id: string): Promise<Task>;
  /** The task when it has ended or is stuck. Throws `task.not-found`; `task.interrupted` when the daemon stops first; `store.failed` when the task cannot be written any more. */
  wait(id: string): Promise<Task>;
  /** Throws `task.not-found`. */
  log(id: string, afterSeq?: number): TaskLogLine[];
  /** The present form, the log so far, then every change and line until the task has ended, whose form comes last. Ends early when the signal aborts or the engine closes. Throws `task.not-found`. */
  follow(id: string, signal: AbortSignal): AsyncIterable<TaskFollowLine>;
  /** Whether an unfinished task, running or queued, has this lock among its own. */
  isLocked(lock: string): boolean;
  /**
   * Goes on with what the last daemon left: tasks that were being undone are undone on, others are resumed or
   * undone as their kind says; stuck ones keep their locks. Returns when all are on their way, not at their end.
   */
  recover(): Promise<void>;
  /**
   * Aborts the running steps and returns when they have stopped. Nothing is undone: the tasks stay as they are
   * in the database, and `recover` of the next engine goes on with them.
   */
  close(): Promise<void>;
}

import type { TaskError, TaskState, TaskStep } from './task.ts';

/**
 * A task as it is kept in the database: everything that is needed to go on with it after a crash.
 * The daemon alone sees it; `Task` is the part that the API shows. All times are RFC 3339 in UTC.
 */
export interface TaskRecord {
  /** Sorts by age: ids that are made later are greater. */
  id: string;
  kind: string;
  title: string;
  target: string | null;
  user: string;
  /** The API request that caused it, to find the one in the log from the other. */
  requestId: string | null;
  state: TaskState;
  /** JSON; never changes. */
  input: unknown;
  /** JSON; what the steps hand on to one another. */
  data: unknown;
  /** Sorted, each once. */
  locks: string[];
  steps: TaskStep[];
  progress: number;
  /** JSON; null until the task succeeded. */
  result: unknown;
  /** Why it unwinds, kept while it is stuck, so that a retry ends with the first error. */
  outcome: TaskError | null;
  /** What is shown. */
  error: TaskError | null;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
}

/** Which task records to list; all conditions must hold. Newest first. */
export interface TaskQuery {
  states?: readonly TaskState[];
  target?: string;
  limit?: number;
}

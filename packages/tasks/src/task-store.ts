import type { TaskLogLine, TaskQuery, TaskRecord } from '@nakhoda/schema';

/**
 * Where the engine keeps tasks. Synchronous, unlike the store of resources: tasks belong to their node and
 * never move to a cluster's store, and with no pause between a decision and its row, no other event can come
 * in between. Records are copied in and out. Each call but `appendLog` is on disk when it returns.
 */
export interface TaskStore {
  /** Throws when there is a task of this id. */
  insert(record: TaskRecord): void;
  /** Replaces the record; throws when there is none. */
  update(record: TaskRecord): void;
  get(id: string): TaskRecord | null;
  /** Newest (greatest id) first. */
  list(query?: TaskQuery): TaskRecord[];
  /** Deletes the succeeded, failed and cancelled tasks, with their logs, that are older than the newest `keep` of all. */
  prune(keep: number): void;
  /** Survives a crash of the daemon; the last ones may be lost in a power cut. */
  appendLog(id: string, line: TaskLogLine): void;
  /** The lines with a greater number than `afterSeq`, in order. */
  log(id: string, afterSeq: number): TaskLogLine[];
}

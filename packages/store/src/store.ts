/** A value with the revision of its last change. The value is JSON as it was put; the reader knows its type. */
export interface StoreEntry {
  key: string;
  value: unknown;
  revision: number;
}

export type StoreChange =
  | { kind: 'put'; key: string; value: unknown; revision: number }
  /** `value` is null. */
  | { kind: 'delete'; key: string; value: null; revision: number };

export type StoreOperation = { op: 'put'; key: string; value: unknown } | { op: 'delete'; key: string };

export interface StoreTransaction {
  /** All must hold: the key's revision is this one; 0 means that there is no such key. */
  if?: readonly { key: string; revision: number }[];
  /** All are done or none, at one revision. No key twice. */
  then: readonly StoreOperation[];
}

export interface ExpectedRevision {
  /** The revision that the key must have; 0: there must be no such key. Without it, anything goes. */
  expectedRevision?: number;
}

/**
 * Keys with JSON values and revisions: the subset that etcd v3 has too, so that a cluster can take its place.
 *
 * Keys are 1 to 512 printable ASCII characters without blanks (`vm/100`); they sort by their bytes. A value is
 * whatever `JSON.stringify` takes and `JSON.parse` gives back. The revision grows by one with each put, delete
 * or transaction that changes something, over the whole store. When a method has returned, its change is on disk.
 *
 * Errors: `store.conflict` when a condition does not hold, `store.failed` when the medium fails,
 * `internal` for a malformed key or value.
 */
export interface Store {
  get(key: string): Promise<StoreEntry | null>;
  /** All entries whose key begins with the prefix, sorted by key. '' lists everything. */
  list(prefix: string): Promise<StoreEntry[]>;
  put(key: string, value: unknown, options?: ExpectedRevision): Promise<{ revision: number }>;
  /** To delete what is not there changes nothing and succeeds, unless a revision was expected. */
  delete(key: string, options?: ExpectedRevision): Promise<{ revision: number; deleted: boolean }>;
  transact(transaction: StoreTransaction): Promise<{ revision: number }>;
  /**
   * The changes of keys that begin with the prefix, in order, from `fromRevision` on (inclusive), else from
   * the call on. Ends when the signal aborts or the store is closed. Changes of one revision come one after
   * the other: who resumes does so from the last revision seen, not the one after it. Throws `store.compacted`
   * when changes of that age are no longer kept; the reader then lists and watches from there.
   */
  watch(prefix: string, options: { fromRevision?: number; signal: AbortSignal }): AsyncIterable<StoreChange>;
  /** That of the last change; 0 in a new store. */
  revision(): Promise<number>;
  close(): Promise<void>;
}

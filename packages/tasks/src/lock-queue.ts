/** Who may run: first come, first served, on sets of named locks. */
export interface LockQueue {
  /** Takes the locks now, whoever else has them: for tasks that had them before a restart. */
  hold(id: string, locks: readonly string[]): void;
  /** Calls `granted` as soon as the locks are free of holders and of earlier requests; perhaps at once. */
  request(id: string, locks: readonly string[], granted: () => void): void;
  /** Gives the locks back, or withdraws the request. */
  release(id: string): void;
  /** Whether the task has its locks. */
  holds(id: string): boolean;
  /** Whether anybody has the lock or waits for it. */
  isWanted(lock: string): boolean;
}

/**
 * A request gets all its locks at once or none, so nobody waits while he holds: there is no deadlock. A lock
 * that an earlier request waits for is taken for the later ones too, so nobody is overtaken for ever: each
 * request waits only for those that came before it.
 */
export function createLockQueue(): LockQueue {
  const holders = new Map<string, readonly string[]>();
  /** In order of arrival, which a Map keeps. */
  const waiting = new Map<string, { locks: readonly string[]; granted: () => void }>();

  const grant = (): void => {
    const taken = new Set([...holders.values()].flat());
    const ready: (() => void)[] = [];
    for (const [id, { locks, granted }] of [...waiting]) {
      if (!locks.some((lock) => taken.has(lock))) {
        waiting.delete(id);
        holders.set(id, locks);
        ready.push(granted);
      }
      for (const lock of locks) taken.add(lock);
    }
    // Last, since a callback may ask or release in its turn.
    for (const granted of ready) granted();
  };

  return {
    hold: (id, locks) => void holders.set(id, locks),
    request: (id, locks, granted) => {
      waiting.set(id, { locks, granted });
      grant();
    },
    release: (id) => {
      waiting.delete(id);
      holders.delete(id);
      grant();
    },
    holds: (id) => holders.has(id),
    isWanted: (lock) =>
      [...holders.values()].some((locks) => locks.includes(lock)) || [...waiting.values()].some(({ locks }) => locks.includes(lock)),
  };
}

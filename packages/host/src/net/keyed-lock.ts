const tails = new Map<string, Promise<void>>();

/** Runs `work` once every earlier call with this key has ended; in this process only. */
export async function withKeyedLock<T>(key: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(key);
  const { promise: tail, resolve: release } = Promise.withResolvers<void>();
  tails.set(key, tail);
  try {
    await before;
    return await work();
  } finally {
    release();
    if (tails.get(key) === tail) tails.delete(key);
  }
}

/** What one side pushes and the other iterates over, in order. */
export interface ChunkQueue<T> extends AsyncIterable<T> {
  push(value: T): void;
  /** How many wait to be read. */
  pending(): number;
  /** The iteration ends after everything pushed before. */
  end(): void;
}

export function chunkQueue<T>(): ChunkQueue<T> {
  const waiting: T[] = [];
  let ended = false;
  let wake: (() => void) | null = null;
  const signal = (): void => {
    wake?.();
    wake = null;
  };
  return {
    push(value) {
      waiting.push(value);
      signal();
    },
    pending: () => waiting.length,
    end() {
      ended = true;
      signal();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const value = waiting.shift();
        if (value !== undefined) yield value;
        else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}

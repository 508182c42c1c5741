import type { DriverEvent } from '@nakhoda/driver';

/** Hands every event to every subscriber. */
export class FakeEvents {
  readonly #subscribers = new Set<(event: DriverEvent | null) => void>();

  emit(vmid: number, kind: DriverEvent['kind']): void {
    const event = { vmid, kind, at: new Date().toISOString() };
    for (const subscriber of this.#subscribers) subscriber(event);
  }

  /** Subscribes at once, not at the first step of the iteration; the signal or `close` ends it. */
  subscribe(signal: AbortSignal): AsyncIterable<DriverEvent> {
    const queue: (DriverEvent | null)[] = [];
    let wake = Promise.withResolvers<void>();
    const push = (event: DriverEvent | null): void => {
      queue.push(event);
      wake.resolve();
    };
    const unsubscribe = (): void => {
      signal.removeEventListener('abort', end);
      this.#subscribers.delete(push);
    };
    const end = (): void => {
      unsubscribe();
      push(null);
    };
    this.#subscribers.add(push);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
    return (async function* () {
      try {
        for (;;) {
          while (queue.length > 0) {
            const event = queue.shift();
            if (!event) return;
            yield event;
          }
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      } finally {
        unsubscribe();
      }
    })();
  }

  /** Ends every iteration. */
  close(): void {
    for (const subscriber of this.#subscribers) subscriber(null);
    this.#subscribers.clear();
  }
}

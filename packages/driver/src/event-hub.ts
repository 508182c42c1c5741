import type { DriverEvent } from './driver.ts';

/** More than this unread means that nobody reads; events are hints to look, so the oldest may go. */
const maxQueued = 10_000;

/** What `Driver.events` is made of: hands events to any number of listeners. */
export class EventHub {
  readonly #listeners = new Set<(event: DriverEvent) => void>();
  readonly #closing = new AbortController();

  /** Tells all present listeners; the event's time is now. */
  emit(vmid: number, kind: DriverEvent['kind']): void {
    const event: DriverEvent = { vmid, kind, at: new Date().toISOString() };
    for (const listener of this.#listeners) listener(event);
  }

  /** Events from this call on, until the signal or `close`; then the iteration ends without an error. */
  subscribe(signal: AbortSignal): AsyncIterable<DriverEvent> {
    const queue: DriverEvent[] = [];
    let wake: () => void = () => undefined;
    const listener = (event: DriverEvent): void => {
      if (queue.length >= maxQueued) queue.shift();
      queue.push(event);
      wake();
    };
    this.#listeners.add(listener);
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    const onEnd = (): void => {
      this.#listeners.delete(listener);
      wake();
    };
    if (ended.aborted) onEnd();
    else ended.addEventListener('abort', onEnd, { once: true });

    async function* iterate(): AsyncGenerator<DriverEvent> {
      try {
        while (!ended.aborted) {
          const event = queue.shift();
          if (event) yield event;
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        onEnd();
      }
    }
    return iterate();
  }

  /** Ends every iteration, also those that begin later. */
  close(): void {
    this.#closing.abort();
  }
}

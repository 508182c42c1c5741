import type { NakhodaEvent, NewEvent } from '@nakhoda/schema';

/** Events kept for clients that resume. */
const KEPT = 2000;

/** Numbers events, keeps the newest, and hands them to every listener. */
export interface EventBus {
  publish(event: NewEvent): void;
  /**
   * Every event after `afterId` and then each new one, until the signal ends it. Without `afterId` only new ones.
   * When `afterId` is older than what is kept, or from another run of the daemon, the first event is `resync`.
   */
  subscribe(options: { afterId?: number; signal: AbortSignal }): AsyncIterable<NakhodaEvent>;
}

/**
 * Ids go on from the clock (microseconds), so that an id of an earlier run is never taken for one of this run.
 */
export function createEventBus(now: () => number = Date.now): EventBus {
  const firstId = now() * 1000;
  let lastId = firstId;
  const kept: NakhodaEvent[] = [];
  const wakers = new Set<() => void>();

  const after = (id: number): NakhodaEvent[] => {
    if (id === lastId) return [];
    const oldest = kept[0]?.id ?? lastId + 1;
    if (id > lastId || id < oldest - 1) return [{ id: lastId, type: 'resync' }];
    return kept.filter((event) => event.id > id);
  };

  return {
    publish(event) {
      lastId += 1;
      kept.push({ id: lastId, ...event });
      if (kept.length > KEPT) kept.shift();
      for (const wake of wakers) wake();
    },
    async *subscribe({ afterId, signal }) {
      let position = afterId ?? lastId;
      while (!signal.aborted) {
        const batch = after(position);
        for (const event of batch) {
          position = event.id;
          yield event;
        }
        if (batch.length > 0) continue;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            wakers.delete(wake);
            signal.removeEventListener('abort', wake);
            resolve();
          };
          wakers.add(wake);
          signal.addEventListener('abort', wake, { once: true });
          if (signal.aborted) wake();
        });
      }
    },
  };
}

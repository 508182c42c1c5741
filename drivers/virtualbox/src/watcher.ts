import type { DriverEvent } from '@nakhoda/driver';

/** What a look at all VMs found, as far as events tell of it. */
export interface Sighting {
  vmid: number;
  /** State, reason and process: any difference is a `state` event. */
  state: string;
  /** The snapshot tree: any difference is a `snapshots` event. */
  snapshots: string;
}

/** The events that lead from one look to the next. Pure. */
export function compareSightings(before: readonly Sighting[], after: readonly Sighting[], at: string): DriverEvent[] {
  const events: DriverEvent[] = [];
  for (const now of after) {
    const then = before.find((sighting) => sighting.vmid === now.vmid);
    if (then?.state !== now.state) events.push({ vmid: now.vmid, kind: 'state', at });
    if (then && then.snapshots !== now.snapshots) events.push({ vmid: now.vmid, kind: 'snapshots', at });
  }
  for (const then of before) {
    if (!after.some((sighting) => sighting.vmid === then.vmid)) events.push({ vmid: then.vmid, kind: 'removed', at });
  }
  return events;
}

/**
 * Looks at all VMs several times a second and tells its listeners of every difference. Polling, because nothing
 * announces that a process which is not our child has died, and one look costs a few file stats per VM.
 */
export class Watcher {
  readonly #look: () => Promise<Sighting[]>;
  readonly #log: (line: string) => void;
  readonly #listeners = new Set<(event: DriverEvent | null) => void>();
  readonly #everyMs: number;
  #before: Sighting[] | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(look: () => Promise<Sighting[]>, options: { everyMs: number; log: (line: string) => void }) {
    this.#look = look;
    this.#everyMs = options.everyMs;
    this.#log = options.log;
  }

  /** Looks now, and from now on. */
  poke(): void {
    if (this.#closed) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    if (this.#timer) clearTimeout(this.#timer);
    this.#looking = true;
    void this.#tick();
  }

  /** Changes from the call on, until the signal or `close` ends it. */
  subscribe(signal: AbortSignal): AsyncIterable<DriverEvent> {
    const queue: (DriverEvent | null)[] = [];
    let wake = Promise.withResolvers<void>();
    const push = (event: DriverEvent | null): void => {
      queue.push(event);
      wake.resolve();
    };
    const end = (): void => push(null);
    this.#listeners.add(push);
    if (signal.aborted || this.#closed) end();
    else signal.addEventListener('abort', end, { once: true });
    const unsubscribe = (): void => {
      signal.removeEventListener('abort', end);
      this.#listeners.delete(push);
    };
    return (async function* () {
      try {
        for (;;) {
          for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
            if (event === null) return;
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

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    for (const listener of this.#listeners) listener(null);
  }

  async #tick(): Promise<void> {
    do {
      this.#again = false;
      try {
        const after = await this.#look();
        const events = this.#before === null ? [] : compareSightings(this.#before, after, new Date().toISOString());
        this.#before = after;
        if (!this.#closed) for (const event of events) for (const listener of this.#listeners) listener(event);
      } catch (error) {
        this.#log(`looking at the VMs: ${String(error)}`);
      }
    } while (this.#again && !this.#closed);
    this.#looking = false;
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.poke(), this.#everyMs);
    this.#timer.unref();
  }
}

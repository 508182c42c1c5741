import { type DriverEvent, EventHub } from '@nakhoda/driver';

/** What a look at all VMs found, as far as events tell of it. */
export interface Sighting {
  vmid: number;
  /** State, reason and process: any difference is a `state` event. */
  state: string;
  /** The snapshot tree: any difference is a `snapshots` event. */
  snapshots: string;
}

/** What an event tells but for its time. */
type Change = Pick<DriverEvent, 'vmid' | 'kind'>;

/** The changes that lead from one look to the next. Pure. */
export function compareSightings(before: readonly Sighting[], after: readonly Sighting[]): Change[] {
  const changes: Change[] = [];
  for (const now of after) {
    const then = before.find((sighting) => sighting.vmid === now.vmid);
    if (then?.state !== now.state) changes.push({ vmid: now.vmid, kind: 'state' });
    if (then && then.snapshots !== now.snapshots) changes.push({ vmid: now.vmid, kind: 'snapshots' });
  }
  for (const then of before) {
    if (!after.some((sighting) => sighting.vmid === then.vmid)) changes.push({ vmid: then.vmid, kind: 'removed' });
  }
  return changes;
}

/**
 * Looks at all VMs several times a second and tells its listeners of every difference. Polling, because nothing
 * announces that a process which is not our child has died, and one look costs a few file stats per VM.
 */
export class Watcher {
  readonly #look: () => Promise<Sighting[]>;
  readonly #log: (line: string) => void;
  readonly #events = new EventHub();
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
    return this.#events.subscribe(signal);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#events.close();
  }

  async #tick(): Promise<void> {
    do {
      this.#again = false;
      try {
        const after = await this.#look();
        const changes = this.#before === null ? [] : compareSightings(this.#before, after);
        this.#before = after;
        if (!this.#closed) for (const { vmid, kind } of changes) this.#events.emit(vmid, kind);
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

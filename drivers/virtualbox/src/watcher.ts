import { type DriverEvent, EventHub } from '@nakhoda/driver';

/** What a look at a VM found, as far as events tell of it. */
export interface Sighting {
  vmid: number;
  /** State, reason and process: any difference is a `state` event. */
  state: string;
  /** The snapshot tree: any difference is a `snapshots` event. */
  snapshots: string;
  /** Its hardware as VirtualBox keeps it: any difference is a `settings` event. */
  settings: string;
}

/** What an event tells but for its time. */
type Change = Pick<DriverEvent, 'vmid' | 'kind'>;

/**
 * The changes that lead from one look to the next. Pure.
 * @param looked the VMs that were looked at; one of them that was not seen is gone
 */
export function compareSightings(before: ReadonlyMap<number, Sighting>, after: readonly Sighting[], looked: Iterable<number>): Change[] {
  const changes: Change[] = [];
  for (const now of after) {
    const then = before.get(now.vmid);
    if (then?.state !== now.state) changes.push({ vmid: now.vmid, kind: 'state' });
    if (then && then.snapshots !== now.snapshots) changes.push({ vmid: now.vmid, kind: 'snapshots' });
    if (then && then.settings !== now.settings) changes.push({ vmid: now.vmid, kind: 'settings' });
  }
  const seen = new Set(after.map(({ vmid }) => vmid));
  for (const vmid of looked) if (before.has(vmid) && !seen.has(vmid)) changes.push({ vmid, kind: 'removed' });
  return changes;
}

export interface WatcherOptions {
  /** Looks at these VMs, or at all. */
  look(vmids: ReadonlySet<number> | 'all'): Promise<Sighting[]>;
  /** Milliseconds until all VMs are looked at again although nothing told of a change; asked after each look. */
  everyMs(): number;
  log(line: string): void;
}

/**
 * Looks at VMs when it is told that something of theirs may have changed, and tells its listeners of every difference.
 * What tells it is announcements of the kernel and ends of processes; looking at all of them now and then is for safety.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #events = new EventHub();
  readonly #before = new Map<number, Sighting>();
  #dirty: Set<number> | 'all' | null = null;
  #primed = false;
  readonly #firstLook = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #closed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Resolves when all VMs have been looked at once: what changes from then on is told. */
  get firstLook(): Promise<void> {
    return this.#firstLook.promise;
  }

  /** Looks at the VM, or at all of them, now; and at all of them from now on every so often. */
  poke(vmid: number | 'all'): void {
    if (this.#closed) return;
    if (vmid === 'all' || this.#dirty === 'all') this.#dirty = 'all';
    else this.#dirty = (this.#dirty ?? new Set<number>()).add(vmid);
    if (!this.#looking) void this.#work();
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

  async #work(): Promise<void> {
    this.#looking = true;
    let lookedAtAll = false;
    while (this.#dirty !== null && !this.#closed) {
      const vmids = this.#primed ? this.#dirty : 'all';
      this.#dirty = null;
      lookedAtAll ||= vmids === 'all';
      try {
        await this.#look(vmids);
      } catch (error) {
        this.#options.log(`looking at the VMs: ${String(error)}`);
      }
    }
    this.#looking = false;
    if (this.#closed || !lookedAtAll) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.poke('all'), this.#options.everyMs());
    this.#timer.unref();
  }

  async #look(vmids: ReadonlySet<number> | 'all'): Promise<void> {
    const after = await this.#options.look(vmids);
    const looked = vmids === 'all' ? [...this.#before.keys()] : vmids;
    const changes = this.#primed ? compareSightings(this.#before, after, looked) : [];
    this.#primed = true;
    this.#firstLook.resolve();
    for (const vmid of looked) this.#before.delete(vmid);
    for (const sighting of after) this.#before.set(sighting.vmid, sighting);
    if (!this.#closed) for (const { vmid, kind } of changes) this.#events.emit(vmid, kind);
  }
}

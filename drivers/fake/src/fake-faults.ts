import { once } from 'node:events';

import type { NakhodaError } from '@nakhoda/schema';

/** A call of the contract by name. */
export type FakeCall =
  | 'probe'
  | 'list'
  | 'inspect'
  | 'define'
  | 'clone'
  | 'undefine'
  | 'start'
  | 'stop'
  | 'pause'
  | 'resume'
  | 'reset'
  | 'hold'
  | 'suspend'
  | 'discard'
  | 'change'
  | 'deleteImage'
  | 'measureImage'
  | 'snapshots.take'
  | 'snapshots.list'
  | 'snapshots.rollback'
  | 'snapshots.delete'
  | 'serial.open'
  | 'guest.ready'
  | 'guest.exec'
  | 'guest.readFile'
  | 'guest.writeFile'
  | 'guest.addresses'
  | 'guest.facts'
  | 'guest.freeze'
  | 'guest.thaw'
  | 'guest.setPassword'
  | 'guest.requestShutdown'
  | 'vnc.open'
  | 'screen.screenshot'
  | 'keyboard.sendKeys'
  | 'keyboard.typeText';

interface Fault {
  /** Null: hang. */
  error: NakhodaError | null;
  timesLeft: number;
}

/** What a test wants to go wrong. A fault strikes before the call has done anything. */
export class FakeFaults {
  readonly #faults = new Map<FakeCall, Fault>();
  /** Fields that running VMs do not change, with the reason, by the names of the driver contract's `pending`. */
  readonly refusals = new Map<string, string>();

  /** The next `times` calls fail with this error; all of them without `times`. */
  fail(call: FakeCall, error: NakhodaError, options: { times?: number } = {}): void {
    this.#faults.set(call, { error, timesLeft: options.times ?? Infinity });
  }

  /** The next `times` calls answer nothing until their signal is aborted; then they reject with its reason. */
  hang(call: FakeCall, options: { times?: number } = {}): void {
    this.#faults.set(call, { error: null, timesLeft: options.times ?? Infinity });
  }

  /** Everything works again, except for the calls that hang already. */
  clear(): void {
    this.#faults.clear();
    this.refusals.clear();
  }

  /** Where a call meets its fault. */
  async meet(call: FakeCall, signal: AbortSignal): Promise<void> {
    const fault = this.#faults.get(call);
    if (!fault) return;
    fault.timesLeft -= 1;
    if (fault.timesLeft <= 0) this.#faults.delete(call);
    if (fault.error) throw fault.error;
    if (!signal.aborted) await once(signal, 'abort');
    signal.throwIfAborted();
  }
}

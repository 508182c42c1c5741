import assert from 'node:assert/strict';

import { waitFor } from '@nakhoda/host';

import type { Driver, DriverEvent } from '../driver.ts';

/** A subscriber that keeps every event. */
export class EventLog {
  readonly events: DriverEvent[] = [];
  /** True when the driver has ended the iteration. */
  ended = false;
  readonly #controller = new AbortController();
  readonly #done: Promise<void>;

  constructor(driver: Driver) {
    this.#done = this.#listen(driver);
  }

  async #listen(driver: Driver): Promise<void> {
    for await (const event of driver.events(this.#controller.signal)) this.events.push(event);
    this.ended = true;
  }

  /** A place in the log, for `waitForState`. */
  mark(): number {
    return this.events.length;
  }

  /** Fails unless a state event of the VM comes, or came since the mark, within so many seconds. */
  async waitForState(vmid: number, since: number, seconds: number, cause: string): Promise<void> {
    const found = await waitFor(() => this.events.slice(since).find((event) => event.vmid === vmid && event.kind === 'state'), {
      timeoutMs: seconds * 1000,
      pollMs: 10,
    });
    assert.ok(found, `no state event within ${seconds} s of ${cause}`);
    assert.ok(!Number.isNaN(Date.parse(found.at)), `the event's time is not a date: ${found.at}`);
  }

  /** Aborts the subscription and waits until the iteration has ended; fails when it has not after `seconds`. */
  async stop(seconds: number): Promise<void> {
    this.#controller.abort();
    await waitFor(() => this.ended, { timeoutMs: seconds * 1000, pollMs: 10 });
    assert.ok(this.ended, `the event iteration did not end within ${seconds} s of its signal's abort`);
    await this.#done;
  }
}

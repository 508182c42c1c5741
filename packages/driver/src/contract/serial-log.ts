import assert from 'node:assert/strict';

import { waitFor } from '@nakhoda/host';

import type { Driver, DriverContext, SerialSession } from '../driver.ts';

/** A serial session that keeps what it saw. */
export class SerialLog {
  readonly session: SerialSession;
  /** Output before the session was opened. */
  readonly backlog: string;
  /** Calls of `onClose`: at most one is right. */
  closes = 0;
  #output: Uint8Array[] = [];

  constructor(opened: { session: SerialSession; backlog: Uint8Array }) {
    this.session = opened.session;
    this.backlog = Buffer.from(opened.backlog).toString('utf8');
    this.session.onData((data) => void this.#output.push(data));
    this.session.onClose(() => void (this.closes += 1));
  }

  static async open(driver: Driver, ctx: DriverContext, vmid: number): Promise<SerialLog> {
    assert.ok(driver.serial, 'the driver has no serial facet');
    return new SerialLog(await driver.serial.open(ctx, { vmid }));
  }

  /** Output since the session was opened. */
  get text(): string {
    return Buffer.concat(this.#output).toString('utf8');
  }

  type(line: string): void {
    this.session.write(Buffer.from(`${line}\n`));
  }

  /** Fails unless the text shows within so many seconds, in the output or, where asked, in the backlog. */
  async waitForText(text: string, seconds: number, options: { backlog?: boolean } = {}): Promise<void> {
    const seen = (): string => (options.backlog ? this.backlog : '') + this.text;
    await waitFor(() => seen().includes(text), { timeoutMs: seconds * 1000, pollMs: 20 });
    assert.ok(
      seen().includes(text),
      `the serial port did not show ${JSON.stringify(text)} within ${seconds} s, but ${JSON.stringify(seen().slice(-500))}`,
    );
  }

  /**
   * Types the line again each second until the text shows. For a port that was just opened anew: VirtualBox may still
   * hold the former connection, and drops what the new one sends in that instant.
   */
  async typeUntil(line: string, text: string, seconds: number): Promise<void> {
    const shown = (): boolean => {
      if (this.text.includes(text)) return true;
      this.type(line);
      return false;
    };
    await waitFor(shown, { timeoutMs: seconds * 1000, pollMs: 1000 });
    await this.waitForText(text, 0);
  }

  async waitForClose(seconds: number): Promise<void> {
    await waitFor(() => this.closes > 0, { timeoutMs: seconds * 1000, pollMs: 20 });
    assert.equal(this.closes, 1, `onClose was called ${this.closes} times instead of once`);
  }
}

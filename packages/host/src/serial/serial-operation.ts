import { randomBytes } from 'node:crypto';

import { type Frame, FrameReader } from './frame-reader.ts';
import { goneError } from './serial-errors.ts';
import type { SerialHub, SerialHubSession } from './serial-hub.ts';

/** A session of the hub for one turn: what is printed, in frames, and a wait that every end of things interrupts. */
export class SerialOperation {
  readonly id = randomBytes(6).toString('hex');
  typed = false;
  onFrame: (frame: Frame) => void = () => undefined;
  deadline: number;
  readonly #session: SerialHubSession;
  #signal: AbortSignal | undefined;
  #gone = false;
  #wake: () => void = () => undefined;
  readonly #onAbort = (): void => this.#wake();

  constructor(hub: SerialHub, deadline: number, signal: AbortSignal | undefined) {
    this.deadline = deadline;
    this.#signal = signal;
    this.#session = hub.open().session;
    const frames = new FrameReader(this.id);
    this.#session.onData((data) => {
      for (const frame of frames.push(data)) this.onFrame(frame);
      this.#wake();
    });
    this.#session.onClose(() => {
      this.#gone = true;
      this.#wake();
    });
    signal?.addEventListener('abort', this.#onAbort);
  }

  type(text: string): void {
    this.#session.write(Buffer.from(text, 'latin1'));
  }

  /** Gives a failed operation `ms` more for cleaning up, whatever its signal says. */
  lastWords(ms: number): void {
    this.deadline = performance.now() + ms;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
    this.onFrame = () => undefined;
  }

  /** True as soon as `condition` holds, false at the deadline. Looks again at each output. */
  async until(condition: () => boolean, deadline = this.deadline): Promise<boolean> {
    for (;;) {
      this.#signal?.throwIfAborted();
      if (condition()) return true;
      if (this.#gone) throw goneError();
      const left = Math.min(deadline, this.deadline) - performance.now();
      if (left <= 0) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      // A timer holds at most 2^31 - 1 ms.
      const timer = setTimeout(resolve, Math.min(left, 2_147_483_647));
      await promise;
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#session.close();
  }
}

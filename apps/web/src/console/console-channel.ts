import { fromErrorBody, type NakhodaError } from '@nakhoda/schema/errors';

import type { ConsoleEnd } from './console-failure.ts';

/** What a channel needs of a WebSocket. */
type Socket = Pick<WebSocket, 'send' | 'close' | 'addEventListener' | 'binaryType'>;

/**
 * A console's connection. Binary frames wait here until a viewer takes them, so that none is lost between the connection and the
 * first drawing; a text frame is the daemon's refusal. It has the properties that noVNC wants of a raw channel.
 */
export class ConsoleChannel {
  binaryType = 'arraybuffer';
  protocol = '';
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  /** Settles with null when the first frame has come (of a silent one: when it is open), or with the end that came before. */
  readonly ready: Promise<ConsoleEnd | null>;
  /** Told once, when the other side ended it. */
  onend: ((end: ConsoleEnd) => void) | null = null;
  #onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  #waiting: ArrayBuffer[] = [];
  #left = false;
  readonly #socket: Socket;

  /** @param silent a server of this kind may say nothing at first */
  constructor(socket: Socket, { silent }: { silent: boolean }) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    let refusal: NakhodaError | null = null;
    let opened = false;
    this.ready = new Promise((resolve) => {
      socket.addEventListener('open', () => {
        opened = true;
        if (silent) resolve(null);
      });
      socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
        if (typeof data === 'string') refusal = fromErrorBody(JSON.parse(data) as Parameters<typeof fromErrorBody>[0]);
        else {
          this.#take(data);
          resolve(null);
        }
      });
      socket.addEventListener('close', ({ code, reason }) => {
        const end = { code, reason, refusal, opened };
        resolve(end);
        if (!this.#left) this.onend?.(end);
      });
    });
  }

  /** Open for its viewer until the viewer has left it: the end of the other side is told by `onend` alone. */
  get readyState(): 'open' | 'closed' {
    return this.#left ? 'closed' : 'open';
  }

  get onmessage(): ((event: { data: ArrayBuffer }) => void) | null {
    return this.#onmessage;
  }

  set onmessage(take: ((event: { data: ArrayBuffer }) => void) | null) {
    this.#onmessage = take;
    if (take !== null && this.#waiting.length > 0) queueMicrotask(() => this.#flush());
  }

  send(data: Parameters<WebSocket['send']>[0]): void {
    this.#socket.send(data);
  }

  /** The viewer leaves. */
  close(): void {
    if (this.#left) return;
    this.#left = true;
    this.#socket.close();
    queueMicrotask(() => this.onclose?.({ code: 1000, reason: '' }));
  }

  #take(data: ArrayBuffer): void {
    this.#waiting.push(data);
    if (this.#onmessage !== null) this.#flush();
  }

  #flush(): void {
    for (;;) {
      const data = this.#waiting.shift();
      if (data === undefined) return;
      this.#onmessage?.({ data });
    }
  }
}

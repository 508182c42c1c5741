import type { SerialSession } from '@nakhoda/driver';

const prompt = 'tiny# ';
const backlogBytes = 64 * 1024;

export interface FakeSerialPortOptions {
  /** The last output, one character a byte; what the port prints is added to it. */
  memory: { backlog: string };
  /** Runs a line in the guest's shell. */
  runLine(line: string, print: (data: Uint8Array | string) => void): Promise<void>;
  /** Called after the backlog has changed. */
  onChange(): void;
}

/** The serial port of one run of a guest, with a shell on it that echoes what is typed, as a terminal does. */
export class FakeSerialPort {
  readonly #options: FakeSerialPortOptions;
  readonly #sessions = new Set<FakeSerialSession>();
  #line = '';
  /** Lines run one after another, as they were typed. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: FakeSerialPortOptions) {
    this.#options = options;
  }

  /** What the tiny guest prints when it has booted. */
  boot(): void {
    this.print(`nakhoda-guest ready\n${prompt}`);
  }

  open(): { session: SerialSession; backlog: Uint8Array } {
    const session = new FakeSerialSession({
      onWrite: (data) => this.#type(Buffer.from(data).toString('utf8')),
      onEnd: (ended) => void this.#sessions.delete(ended),
    });
    this.#sessions.add(session);
    return { session, backlog: Buffer.from(this.#options.memory.backlog, 'latin1') };
  }

  /** Closes every session: the guest or the driver is gone. */
  end(): void {
    for (const session of this.#sessions) session.close();
  }

  print(data: Uint8Array | string): void {
    // A terminal makes a carriage return of every line's end.
    const bytes = Buffer.from(Buffer.from(data).toString('latin1').replaceAll(/\r?\n/gu, '\r\n'), 'latin1');
    const { memory } = this.#options;
    memory.backlog = (memory.backlog + bytes.toString('latin1')).slice(-backlogBytes);
    for (const session of this.#sessions) session.receive(bytes);
    this.#options.onChange();
  }

  #type(text: string): void {
    for (const character of text) {
      if (character === '\r' || character === '\n') this.#enter();
      else if (character === '\u0003') {
        this.#line = '';
        this.print(`^C\n${prompt}`);
      } else if (character === '\u007f' || character === '\b') {
        if (this.#line !== '') this.print('\b \b');
        this.#line = this.#line.replace(/.$/u, '');
      } else {
        this.#line += character;
        this.print(character);
      }
    }
  }

  #enter(): void {
    const line = this.#line;
    this.#line = '';
    this.print('\n');
    this.#queue = this.#queue
      .then(() => this.#options.runLine(line, (data) => this.print(data)))
      .then(
        () => this.print(prompt),
        // The guest lost its power in the middle of the line: nobody is left to print a prompt.
        () => undefined,
      );
  }
}

interface FakeSerialSessionOptions {
  onWrite(data: Uint8Array): void;
  onEnd(session: FakeSerialSession): void;
}

class FakeSerialSession implements SerialSession {
  readonly #options: FakeSerialSessionOptions;
  readonly #dataListeners: ((data: Uint8Array) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  #closed = false;

  constructor(options: FakeSerialSessionOptions) {
    this.#options = options;
  }

  write(data: Uint8Array): void {
    if (!this.#closed) this.#options.onWrite(data);
  }

  onData(listener: (data: Uint8Array) => void): void {
    this.#dataListeners.push(listener);
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  receive(data: Uint8Array): void {
    for (const listener of this.#dataListeners) listener(data);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onEnd(this);
    for (const listener of this.#closeListeners) listener();
  }
}

import { createConnection, type Socket } from 'node:net';

import { SerialLog } from './serial-log.ts';

export interface SerialHubOptions {
  /** The Unix socket that the hypervisor listens on for the VM's first serial port. */
  socketPath: string;
  /** File that all output is appended to, or null for none. It is renamed to `<logPath>.1` when it reaches `logMaxBytes`. */
  logPath: string | null;
  /** Bytes; default 1 MiB. */
  logMaxBytes?: number;
  /** Asked whenever the socket is gone: false ends the hub, true makes it connect again. */
  isAlive: () => boolean;
  /** Most milliseconds between tries to connect, which are nearer to each other at first; default 100. */
  retryMs?: number;
}

/** The same shape as the driver contract's `SerialSession`. */
export interface SerialHubSession {
  write(data: Uint8Array): void;
  /** Called with each piece of output from now on. */
  onData(listener: (data: Uint8Array) => void): void;
  /** Called once, when the port is gone or the session was closed; at once when it is closed already. */
  onClose(listener: () => void): void;
  close(): void;
}

const firstPauseMs = 3;

/** The last output that a hub keeps for those who come later, in bytes. */
export const serialBacklogBytes = 64 * 1024;

/**
 * One VM's serial port, held for as long as the VM runs. A hypervisor serves one client per serial socket, and
 * VirtualBox's guest stops when it has none, so the daemon stays connected and shares the port with everybody.
 */
export class SerialHub {
  readonly #options: SerialHubOptions;
  readonly #log: SerialLog | null;
  readonly #sessions = new Set<Session>();
  #backlog: Buffer = Buffer.alloc(0);
  #socket: Socket | null = null;
  #retry: NodeJS.Timeout | null = null;
  #pauseMs = firstPauseMs;
  #connected = Promise.withResolvers<boolean>();
  #closed = false;

  constructor(options: SerialHubOptions) {
    this.#options = options;
    this.#log = options.logPath === null ? null : new SerialLog(options.logPath, options.logMaxBytes ?? 1024 * 1024);
    this.#connect();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sessions that somebody holds open: a person's consoles and running serial commands. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** The last output, up to 64 KiB. */
  get backlog(): Buffer {
    return this.#backlog;
  }

  /** True once the first connection stands; false when the hub ended before, or after `timeoutMs`. */
  async whenConnected(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    return Promise.race([this.#connected.promise, late]).finally(() => clearTimeout(timer));
  }

  /** Opens a session; `backlog` holds what was printed before it. A closed hub gives a closed session. */
  open(): { session: SerialHubSession; backlog: Uint8Array } {
    const session = new Session(
      (data) => this.#socket?.write(data),
      (ended) => this.#sessions.delete(ended),
    );
    if (this.#closed) session.close();
    else this.#sessions.add(session);
    return { session, backlog: Buffer.from(this.#backlog) };
  }

  /**
   * Puts a line of our own into the output, for everybody to see: what was printed before is of a guest that is gone,
   * and a prompt in it is none any more.
   */
  note(line: string): void {
    if (!this.#closed) this.#receive(Buffer.from(`\r\n[nakhoda: ${line}]\r\n`));
  }

  /** Lets go of the port and ends all sessions. Safe to call again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    this.#connected.resolve(false);
    this.#socket?.destroy();
    this.#socket = null;
    for (const session of this.#sessions) session.close();
    this.#log?.close();
  }

  #connect(): void {
    const socket = createConnection(this.#options.socketPath);
    socket.on('connect', () => {
      this.#socket = socket;
      this.#pauseMs = firstPauseMs;
      this.#connected.resolve(true);
    });
    socket.on('data', (data: Buffer) => this.#receive(data));
    // What went wrong makes no difference: `close` follows, and whether the VM lives decides.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#socket = null;
      if (this.#closed) return;
      if (!this.#options.isAlive()) this.close();
      else this.#retry = setTimeout(() => this.#connect(), this.#nextPause());
    });
  }

  /** A hypervisor that has just been started listens in a moment, and its guest waits for us. */
  #nextPause(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 1.2, this.#options.retryMs ?? 100);
    return pauseMs;
  }

  #receive(data: Buffer): void {
    const joined = Buffer.concat([this.#backlog, data]);
    this.#backlog = joined.length > serialBacklogBytes ? Buffer.from(joined.subarray(-serialBacklogBytes)) : joined;
    this.#log?.append(data);
    for (const session of this.#sessions) session.deliver(data);
  }
}

class Session implements SerialHubSession {
  readonly #send: (data: Uint8Array) => void;
  readonly #ended: (session: Session) => void;
  readonly #dataListeners: ((data: Uint8Array) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  #closed = false;

  constructor(send: (data: Uint8Array) => void, ended: (session: Session) => void) {
    this.#send = send;
    this.#ended = ended;
  }

  deliver(data: Uint8Array): void {
    for (const listener of this.#dataListeners) listener(data);
  }

  write(data: Uint8Array): void {
    if (!this.#closed) this.#send(data);
  }

  onData(listener: (data: Uint8Array) => void): void {
    this.#dataListeners.push(listener);
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closeListeners.push(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended(this);
    for (const listener of this.#closeListeners) listener();
  }
}

import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';

import { NakhodaError } from '@nakhoda/schema';

import { commandTimeoutMs, type QmpCommands, type QmpEvent } from './commands.ts';
import { LineReader } from './line-reader.ts';

interface Waiting {
  command: string;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

const maxMessageBytes = 16 * 1024 * 1024;
const defaultTimeoutMs = 5_000;

/**
 * One QMP connection (docs/interop/qmp-spec.rst). QEMU greets one client a socket at a time, so a connection that
 * stands is the only one. Every command has a time limit: a QEMU that hangs answers nothing, and blocks nobody.
 */
export class QmpClient {
  readonly #stream: Duplex;
  readonly #lines = new LineReader(maxMessageBytes);
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeting = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #ended = false;
  #nextId = 1;

  constructor(stream: Duplex) {
    this.#stream = stream;
    // Nobody may be waiting for it when it fails.
    this.#greeting.promise.catch(() => undefined);
    stream.on('data', (data: Buffer) => this.#receive(data));
    stream.on('error', () => undefined);
    stream.on('close', () => this.#end());
  }

  /**
   * Connects, waits for the greeting and negotiates.
   * @throws NakhodaError `hypervisor.failed` when nobody listens, `hypervisor.timeout` when nobody greets in time.
   */
  static async connect(options: { socketPath: string; timeoutMs: number }): Promise<QmpClient> {
    const client = new QmpClient(createConnection(options.socketPath));
    try {
      await client.negotiate(options.timeoutMs);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async negotiate(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#greeting.reject(timeoutError('its greeting', timeoutMs)), timeoutMs);
    // With the connection, and not after the greeting: QEMU reads it when it has greeted, and a start waits for it.
    const negotiated = this.execute('qmp_capabilities', {}, { timeoutMs });
    negotiated.catch(() => undefined);
    await this.#greeting.promise.finally(() => clearTimeout(timer));
    await negotiated;
  }

  /** Resolves when the connection has ended, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * @throws NakhodaError `hypervisor.failed` with QEMU's own words in the message, or when the connection ends;
   * `hypervisor.timeout`. A late answer is thrown away.
   */
  execute<K extends keyof QmpCommands>(
    command: K,
    args: QmpCommands[K]['arguments'],
    options: { timeoutMs?: number } = {},
  ): Promise<QmpCommands[K]['result']> {
    const timeoutMs = options.timeoutMs ?? commandTimeoutMs[command] ?? defaultTimeoutMs;
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(closedError(command));
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(timeoutError(command, timeoutMs));
      }, timeoutMs);
      this.#waiting.set(id, { command, resolve: (result) => resolve(result as QmpCommands[K]['result']), reject, timer });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** Calls the listener with each event from now on; the result ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stream.destroy();
    this.#end();
  }

  #receive(data: Buffer): void {
    try {
      for (const line of this.#lines.push(data)) {
        const message: unknown = JSON.parse(line);
        if (typeof message === 'object' && message !== null) this.#dispatch(message as Record<string, unknown>);
      }
    } catch {
      // Not the protocol: whatever speaks there, nothing it says can be relied on.
      this.close();
    }
  }

  #dispatch(message: Record<string, unknown>): void {
    if ('QMP' in message) this.#greeting.resolve();
    else if (typeof message['event'] === 'string') {
      const data = message['data'];
      const at = timestampOf(message['timestamp']);
      const event = { event: message['event'], data: typeof data === 'object' && data !== null ? { ...data } : {}, at };
      for (const listener of this.#listeners) listener(event);
    } else if (typeof message['id'] === 'number') {
      const waiting = this.#waiting.get(message['id']);
      if (!waiting) return;
      this.#waiting.delete(message['id']);
      clearTimeout(waiting.timer);
      if ('return' in message) waiting.resolve(message['return']);
      else waiting.reject(refusedError(waiting.command, message['error']));
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(closedError(waiting.command));
    }
    this.#waiting.clear();
    this.#greeting.reject(closedError('its greeting'));
    this.#closed.resolve();
  }
}

function timestampOf(value: unknown): number {
  const { seconds = 0, microseconds = 0 } = (value ?? {}) as { seconds?: number; microseconds?: number };
  return seconds * 1000 + microseconds / 1000;
}

function refusedError(command: string, error: unknown): NakhodaError {
  const description = typeof error === 'object' && error !== null && 'desc' in error ? String(error.desc) : 'no reason given';
  return new NakhodaError('hypervisor.failed', {
    message: `QEMU refused ${command}: ${description}`,
    hint: "QEMU's own words above say what it missed.",
    details: { command },
  });
}

function closedError(command: string): NakhodaError {
  return new NakhodaError('hypervisor.failed', {
    message: `QEMU ended, or closed the connection, before it answered ${command}.`,
    hint: "Look at the VM's state; the reason of a crash is shown there.",
    details: { command },
  });
}

function timeoutError(what: string, timeoutMs: number): NakhodaError {
  return new NakhodaError('hypervisor.timeout', {
    message: `QEMU did not answer ${what} within ${timeoutMs / 1000} s.`,
    hint: 'Look whether the QEMU process hangs or is stopped; stopping the VM by power-off ends it.',
    details: { command: what },
  });
}

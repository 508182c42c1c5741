import { randomInt } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';

import { NakhodaError } from '@nakhoda/schema';

import { Mutex } from '../serial/mutex.ts';

export interface AgentConnectionOptions {
  /** The Unix socket that the hypervisor listens on for the agent's channel. */
  socketPath: string;
  /** Bytes that may come for one request, and unasked between two; more ends the connection. Default 1 MiB. */
  maxAnswerBytes?: number;
}

/** An answer of the agent that says why it did not do what was asked. Its text comes from the guest. */
export class AgentRefusal extends Error {}

const sentinel = 0xff;
const syncTimeoutMs = 3_000;

/**
 * The line to one guest's agent: one request at a time, each with a time limit that counts from the call.
 * Held open, because a hypervisor serves one client a socket; made again when it broke. After each connect and each
 * lost answer it finds the common ground anew with guest-sync-delimited (QEMU Guest Agent Protocol Reference), so a
 * late answer is never taken for another's. What the guest sends is not trusted.
 */
export class AgentConnection {
  readonly #options: AgentConnectionOptions;
  readonly #turns = new Mutex();
  #socket: Socket | null = null;
  #synced = false;
  #closed = false;
  #received: Buffer[] = [];
  /** Since the last request was sent, whatever it was. */
  #receivedBytes = 0;
  #onAnswer: ((answer: unknown) => void) | null = null;
  #onBroken: ((reason: Error) => void) | null = null;

  constructor(options: AgentConnectionOptions) {
    this.#options = options;
  }

  /**
   * Sends one command and gives what it returns, unchecked.
   * @throws AgentRefusal with the agent's reason; NakhodaError `guest.no-agent` when there is nobody at the other end,
   * `guest.timeout` when a command that was sent stays without answer; the signal's reason.
   */
  call(name: string, args: Record<string, unknown> | undefined, options: { timeoutMs: number; signal?: AbortSignal }): Promise<unknown> {
    const deadline = performance.now() + options.timeoutMs;
    const impatience = new AbortController();
    const turn = this.#turns.run(async () => {
      impatience.signal.throwIfAborted();
      clearTimeout(timer);
      if (this.#closed) throw noAgentError('the connection was closed');
      const socket = this.#socket ?? (await this.#connect(deadline));
      if (!this.#synced) await this.#sync(socket, Math.min(deadline, performance.now() + syncTimeoutMs), options.signal);
      const request = JSON.stringify({ execute: name, ...(args === undefined ? {} : { arguments: args }) });
      const answer = await this.#exchange(
        socket,
        `${request}\n`,
        () => true,
        deadline,
        options.signal,
        () => timeoutError(name),
      );
      return readAnswer(answer);
    });
    // Waiting for its turn counts, too: a request that the agent is slow with holds up none behind it for longer than they like.
    const { promise: gaveUp, reject } = Promise.withResolvers<never>();
    const giveUp = (error: Error): void => {
      impatience.abort(error);
      reject(error);
    };
    const timer = setTimeout(() => giveUp(noAgentError('it is busy with another request')), options.timeoutMs);
    const onAbort = (): void => giveUp(abortReason(options.signal));
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    return Promise.race([turn, gaveUp]).finally(() => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    });
  }

  /** True while the hypervisor holds the other end; whether anybody in the guest listens there is another question. */
  get connected(): boolean {
    return this.#socket !== null;
  }

  /** Ends the connection; calls that wait fail. Safe to call again. */
  close(): void {
    this.#closed = true;
    this.#break(new Error('closed'));
  }

  #connect(deadline: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#options.socketPath);
      const timer = setTimeout(() => socket.destroy(new Error('nobody accepted the connection')), deadline - performance.now());
      socket.once('connect', () => {
        clearTimeout(timer);
        this.#socket = socket;
        this.#synced = false;
        this.#received = [];
        this.#receivedBytes = 0;
        resolve(socket);
      });
      socket.on('data', (data: Buffer) => this.#receive(data));
      let reason = new Error('the channel was closed');
      socket.on('error', (error) => {
        reason = error;
      });
      socket.on('close', () => {
        clearTimeout(timer);
        if (this.#socket === socket) this.#break(reason);
        reject(noAgentError(reason.message));
      });
    });
  }

  async #sync(socket: Socket, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    const id = randomInt(1, 2 ** 47);
    const request = Buffer.concat([
      Buffer.of(sentinel),
      Buffer.from(`${JSON.stringify({ execute: 'guest-sync-delimited', arguments: { id } })}\n`),
    ]);
    const isOurs = (answer: unknown): boolean => isObject(answer) && answer['return'] === id;
    await this.#exchange(socket, request, isOurs, deadline, signal, () => noAgentError('it does not answer'));
    this.#synced = true;
  }

  /** Writes a request and waits for the first answer that fits. Without one the line counts as out of step. */
  async #exchange(
    socket: Socket,
    request: string | Uint8Array,
    fits: (answer: unknown) => boolean,
    deadline: number,
    signal: AbortSignal | undefined,
    late: () => Error,
  ): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => reject(late()), Math.max(0, deadline - performance.now()));
    const onAbort = (): void => reject(abortReason(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#receivedBytes = 0;
    this.#onAnswer = (answer) => {
      if (fits(answer)) resolve(answer);
    };
    this.#onBroken = reject;
    try {
      if (socket.destroyed) throw noAgentError('the channel was closed');
      socket.write(request);
      return await promise;
    } catch (error) {
      this.#synced = false;
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#onAnswer = null;
      this.#onBroken = null;
    }
  }

  #receive(data: Buffer): void {
    this.#receivedBytes += data.length;
    if (this.#receivedBytes > (this.#options.maxAnswerBytes ?? 1024 * 1024)) {
      this.#break(new Error('it sent more than an answer can have'));
      return;
    }
    // What comes unasked is nobody's answer, and the next request must not take it for its own.
    if (this.#onAnswer === null) {
      this.#synced = false;
      this.#received = [];
      return;
    }
    let rest = data;
    const reset = rest.lastIndexOf(sentinel);
    if (reset >= 0) {
      this.#received = [];
      rest = rest.subarray(reset + 1);
    }
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...this.#received, rest.subarray(0, end)]).toString('utf8');
      this.#received = [];
      rest = rest.subarray(end + 1);
      try {
        this.#onAnswer?.(JSON.parse(line));
      } catch {
        // Not JSON: noise on a serial line, or the end of an answer whose start was lost. The time limit decides.
      }
    }
    this.#received.push(rest);
  }

  #break(reason: Error): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#synced = false;
    socket?.destroy();
    this.#onBroken?.(noAgentError(reason.message));
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function abortReason(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error('aborted');
}

function readAnswer(answer: unknown): unknown {
  if (isObject(answer)) {
    if ('return' in answer) return answer['return'];
    const error = answer['error'];
    if (isObject(error)) {
      const reason = error['desc'];
      throw new AgentRefusal(typeof reason === 'string' ? reason.slice(0, 500) : 'it gave no reason');
    }
  }
  throw noAgentError('its answer is not one');
}

export function noAgentError(reason: string): NakhodaError {
  return new NakhodaError('guest.no-agent', {
    message: `The guest agent cannot be reached: ${reason}.`,
    hint: 'Wait until the guest has booted, or install and start qemu-guest-agent in it.',
  });
}

function timeoutError(name: string): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: `The guest agent did not answer ${name} within its time limit.`,
    hint: 'Look whether the guest hangs or is overloaded, then try again.',
  });
}

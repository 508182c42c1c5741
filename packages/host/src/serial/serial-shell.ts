import { randomBytes } from 'node:crypto';

import { NakhodaError } from '@nakhoda/schema';

import { type Frame, FrameReader } from './frame-reader.ts';
import type { GuestChannel, GuestCommand } from './guest-channel.ts';
import { parseIpAddresses } from './ip-addresses.ts';
import { Mutex } from './mutex.ts';
import type { SerialHub, SerialHubSession } from './serial-hub.ts';
import { base64Lines, execScript, uploadCommand, uploadPath } from './serial-script.ts';

export interface SerialShellOptions {
  /** What the guest's shell prints when it waits for a command; default the tiny guest's `tiny# `. */
  prompt?: string;
}

const killLine = '\x15';
const interrupt = '\x03';
// Longer than the slowest guest takes for an empty line; a busy console shows no prompt for as long as it is busy.
const promptTimeoutMs = 15_000;
const uploadChunkBytes = 24 * 1024;

/**
 * A guest without an agent, reached through the root shell on its serial console: what is needed there is busybox.
 * Nothing is typed before the prompt is seen, so a login prompt or a person's program gets at most an empty line.
 * A person at the console sees what is typed here, and loses a line that was half typed; two cannot type at the
 * same time, so a command beside a busy person may end in `guest.timeout`.
 */
export function createSerialShell(hub: SerialHub, options: SerialShellOptions = {}): GuestChannel {
  const prompt = options.prompt ?? 'tiny# ';
  const turns = new Mutex();

  /** Waits for the prompt, asking for it with an empty line. */
  async function atPrompt(operation: Operation, timeoutMs: number): Promise<boolean> {
    const deadline = Math.min(performance.now() + timeoutMs, operation.deadline);
    const seen = (): boolean => endsWithPrompt(hub.backlog, prompt);
    // The last command's prompt may be on its way; asking for one more would confuse the next command.
    if (await operation.until(seen, Math.min(performance.now() + 300, deadline))) return true;
    while (performance.now() < deadline) {
      operation.type(`${killLine}\n`);
      if (await operation.until(seen, Math.min(performance.now() + 3_000, deadline))) return true;
    }
    return false;
  }

  /** One turn at the console, from a prompt on. Whatever happens, the console is left usable. */
  function turn<T>(timeoutMs: number, signal: AbortSignal | undefined, work: (operation: Operation) => Promise<T>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    return turns.run(async () => {
      signal?.throwIfAborted();
      const operation = new Operation(hub, deadline, signal);
      try {
        if (!(await atPrompt(operation, promptTimeoutMs))) throw noShellError(prompt);
        return await work(operation);
      } catch (error) {
        if (operation.typed && !hub.closed) await recover(operation);
        throw error;
      } finally {
        operation.close();
      }
    });
  }

  /** Ends what runs, removes its files, and gives the console its echo back. */
  async function recover(operation: Operation): Promise<void> {
    operation.lastWords(5_000);
    operation.type(interrupt);
    if (!(await atPrompt(operation, 5_000))) return;
    const path = uploadPath(operation.id);
    operation.type(`rm -rf ${path} ${path}.d;stty echo\n`);
    await operation.until(() => !endsWithPrompt(hub.backlog, prompt), performance.now() + 200);
  }

  /** Hands `data` to the guest's shell command `then`, and gives the frames that follow to `onFrame` until it is content. */
  async function upload(operation: Operation, data: Uint8Array, then: string, onFrame: (frame: Frame) => boolean): Promise<void> {
    operation.type(`${uploadCommand(operation.id, data, then)}\n`);
    operation.typed = true;
    let done = false;
    let damaged = false;
    operation.onFrame = (frame) => {
      if (frame.kind === 'go') operation.type(`${base64Lines(data).join('\n')}\n`);
      else if (frame.kind === 'bad') damaged = true;
      else done = onFrame(frame);
    };
    if (!(await operation.until(() => done || damaged))) throw timeoutError();
    if (damaged) throw new DamagedError();
  }

  async function exec(command: GuestCommand): Promise<{ exitCode: number }> {
    return retryDamaged(() =>
      turn(command.timeoutMs, command.signal, async (operation) => {
        const script = Buffer.from(execScript(operation.id, command.argv));
        const received = { o: 0, e: 0 };
        let result: Frame | undefined;
        await upload(operation, script, `sh ${uploadPath(operation.id)}`, (frame) => {
          if (frame.kind === 'o' || frame.kind === 'e') {
            const data = Buffer.from(frame.body, 'base64');
            received[frame.kind] += data.length;
            (frame.kind === 'o' ? command.onStdout : command.onStderr)(data);
            return false;
          }
          result = frame;
          return true;
        });
        if (result?.kind === 't') throw noSpaceError();
        if (result?.kind !== 'x') throw notStartedError(command.argv[0] ?? '');
        const [exitCode = 255, killed = 0, out = 0, error = 0] = result.body.split(':').map(Number);
        // Somebody at the console pressed Ctrl-C, which our own time limit does only after this wait has ended.
        if (killed !== 0) throw interruptedError();
        if (out !== received.o || error !== received.e) throw lostOutputError();
        return { exitCode };
      }),
    );
  }

  async function collect(argv: readonly string[], limits: { maxBytes: number; timeoutMs: number }, signal: AbortSignal | undefined) {
    const out: Uint8Array[] = [];
    const errors: Uint8Array[] = [];
    const { exitCode } = await exec({
      argv,
      timeoutMs: limits.timeoutMs,
      onStdout: (data) => out.push(data),
      onStderr: (data) => errors.push(data),
      ...(signal ? { signal } : {}),
    });
    return { exitCode, stdout: Buffer.concat(out), stderr: Buffer.concat(errors).toString('utf8').trim() };
  }

  return {
    exec,

    async probe({ timeoutMs, signal }) {
      const deadline = performance.now() + timeoutMs;
      return turns.run(async () => {
        signal?.throwIfAborted();
        if (hub.closed) return false;
        const operation = new Operation(hub, deadline, signal);
        try {
          return await atPrompt(operation, timeoutMs);
        } catch (error) {
          if (signal?.aborted) throw error;
          return false;
        } finally {
          operation.close();
        }
      });
    },

    async readFile({ path, maxBytes, signal }) {
      const timeoutMs = transferTimeoutMs(maxBytes);
      const { exitCode, stdout, stderr } = await collect(['head', '-c', String(maxBytes + 1), '--', path], { maxBytes, timeoutMs }, signal);
      if (exitCode !== 0) throw fileError(path, stderr);
      if (stdout.length > maxBytes) throw fileError(path, `it has more than the ${maxBytes} bytes asked for at most`);
      return stdout;
    },

    async writeFile({ path, data, signal }) {
      const timeoutMs = transferTimeoutMs(data.length);
      const parts = `${uploadPath(randomId())}.parts`;
      try {
        for (let offset = 0; offset === 0 || offset < data.length; offset += uploadChunkBytes) {
          const chunk = data.subarray(offset, offset + uploadChunkBytes);
          await retryDamaged(() =>
            turn(timeoutMs, signal, (operation) =>
              upload(
                operation,
                chunk,
                `cat ${uploadPath(operation.id)}${offset === 0 ? '>' : '>>'}${parts}&&echo "<""${operation.id}:ok>"`,
                (frame) => frame.kind === 'ok',
              ),
            ),
          );
        }
        const moved = await collect(['sh', '-c', 'cat "$1" >"$2"', 'sh', parts, path], { maxBytes: 4096, timeoutMs }, signal);
        if (moved.exitCode !== 0) throw fileError(path, moved.stderr);
      } finally {
        // Best effort: a guest that is gone has no temporary files either.
        await collect(['rm', '-f', parts], { maxBytes: 4096, timeoutMs: 10_000 }, undefined).catch(() => undefined);
      }
    },

    async addresses({ signal }) {
      const { stdout } = await collect(['ip', 'addr'], { maxBytes: 65_536, timeoutMs: 10_000 }, signal);
      return parseIpAddresses(stdout.toString('utf8'));
    },
  };
}

/** A session of the hub for one turn: what is printed, in frames, and a wait that every end of things interrupts. */
class Operation {
  readonly id = randomId();
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

/** True when a console's last line is the prompt, with the cursor behind it. */
export function endsWithPrompt(output: Uint8Array, prompt: string): boolean {
  const tail = Buffer.from(output.subarray(-256)).toString('latin1');
  // Busybox's line editor asks for the cursor's place after the prompt: ESC [ 6 n.
  // oxlint-disable-next-line no-control-regex
  const text = tail.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
  return text === prompt || text.endsWith(`\n${prompt}`) || text.endsWith(`\r${prompt}`);
}

/** 30 s, and what the slowest port (115,200 baud) needs for the bytes as base64, twice. */
function transferTimeoutMs(bytes: number): number {
  return 30_000 + (bytes / 4_000) * 1000;
}

function randomId(): string {
  return randomBytes(6).toString('hex');
}

/** An upload that did not arrive as it was sent: somebody typed, or the kernel printed, in between. */
class DamagedError extends Error {}

async function retryDamaged<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      if (tries === 3) {
        throw new NakhodaError('guest.exec-failed', {
          message: 'What was sent over the serial console arrived damaged three times, or could not be written to /tmp.',
          hint: 'Leave the console alone while a command runs, or install the guest agent.',
        });
      }
    }
  }
}

function noShellError(prompt: string): NakhodaError {
  return new NakhodaError('guest.no-agent', {
    message: `No guest agent answers, and the serial console does not show the prompt "${prompt}".`,
    hint: 'Wait until the guest has booted, end what runs on its console, or install qemu-guest-agent in it.',
  });
}

function goneError(): NakhodaError {
  return new NakhodaError('guest.not-running', {
    message: "The VM's serial port was closed; the VM has stopped.",
    hint: 'Start the VM and try again.',
  });
}

function timeoutError(): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: 'The command did not end within its time limit and was killed.',
    hint: 'Give it more time, or look at the console for what it waits for.',
  });
}

function interruptedError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: 'The command was interrupted at the serial console.',
    hint: 'Run it again, and leave the console alone meanwhile.',
  });
}

function notStartedError(program: string): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: `The guest has no program "${program}".`,
    hint: 'Check the name; a shell line needs `sh -c`.',
  });
}

function noSpaceError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: 'The guest could not make the files for the output in /tmp.',
    hint: 'Make space in /tmp of the guest.',
  });
}

function lostOutputError(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: "The command ran, but part of its output was lost among the console's other output.",
    hint: 'Run it again, or install the guest agent, which has a channel of its own.',
  });
}

function fileError(path: string, reason: string): NakhodaError {
  return new NakhodaError('guest.file-failed', {
    message: `The guest could not read or write ${path}: ${reason || 'no reason given'}.`,
    hint: 'Check the path and the free space in the guest.',
  });
}

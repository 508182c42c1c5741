import { randomBytes } from 'node:crypto';

import type { Frame } from './frame-reader.ts';
import type { GuestChannel, GuestCommand } from './guest-channel.ts';
import { parseIpAddresses } from './ip-addresses.ts';
import { Mutex } from './mutex.ts';
import {
  damagedError,
  fileError,
  interruptedError,
  lostOutputError,
  noShellError,
  noSpaceError,
  notStartedError,
  timeoutError,
} from './serial-errors.ts';
import { readSerialFacts, serialFactsScript } from './serial-facts.ts';
import type { SerialHub } from './serial-hub.ts';
import { SerialOperation } from './serial-operation.ts';
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
/** A file with permissions of its own has them before it has content. */
const moveScript = '[ -z "$3" ] || { umask 077 && : >>"$2" && chmod "$3" "$2"; } && cat "$1" >"$2"';

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
  async function atPrompt(operation: SerialOperation, timeoutMs: number): Promise<boolean> {
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
  function turn<T>(timeoutMs: number, signal: AbortSignal | undefined, work: (operation: SerialOperation) => Promise<T>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    return turns.run(async () => {
      signal?.throwIfAborted();
      const operation = new SerialOperation(hub, deadline, signal);
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
  async function recover(operation: SerialOperation): Promise<void> {
    operation.lastWords(5_000);
    operation.type(interrupt);
    if (!(await atPrompt(operation, 5_000))) return;
    const path = uploadPath(operation.id);
    operation.type(`rm -rf ${path} ${path}.d;stty echo\n`);
    await operation.until(() => !endsWithPrompt(hub.backlog, prompt), performance.now() + 200);
  }

  /** Hands `data` to the guest's shell command `then`, and gives the frames that follow to `onFrame` until it is content. */
  async function upload(operation: SerialOperation, data: Uint8Array, then: string, onFrame: (frame: Frame) => boolean): Promise<void> {
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
        const script = Buffer.from(execScript(operation.id, command.argv, command.input));
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
        const operation = new SerialOperation(hub, deadline, signal);
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

    async writeFile({ path, data, mode, signal }) {
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
        const moved = await collect(['sh', '-c', moveScript, 'sh', parts, path, mode ?? ''], { maxBytes: 4096, timeoutMs }, signal);
        if (moved.exitCode !== 0) throw fileError(path, moved.stderr);
      } finally {
        // Best effort: a guest that is gone has no temporary files either.
        await collect(['rm', '-f', parts], { maxBytes: 4096, timeoutMs: 10_000 }, undefined).catch(() => undefined);
      }
    },

    async facts({ signal }) {
      const argv = ['sh', '-c', serialFactsScript];
      const { stdout } = await collect(argv, { maxBytes: 65_536, timeoutMs: 15_000 }, signal);
      return readSerialFacts(stdout.subarray(0, 65_536).toString('utf8'));
    },

    async addresses({ signal }) {
      const { stdout } = await collect(['ip', 'addr'], { maxBytes: 65_536, timeoutMs: 10_000 }, signal);
      return parseIpAddresses(stdout.toString('utf8'));
    },
  };
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
      if (tries === 3) throw damagedError();
    }
  }
}

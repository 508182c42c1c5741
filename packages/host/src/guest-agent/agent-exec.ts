import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError } from '@nakhoda/schema';

import type { GuestCommand } from '../serial/guest-channel.ts';
import { AgentRefusal } from './agent-connection.ts';
import type { AgentCalls } from './agent-calls.ts';

/**
 * Runs the program with its output in two files, so that it can be read while it runs: guest-exec itself gives output
 * at the end only, and cuts it off at 16 MiB. Standard input comes from guest-exec, if there is any. The program leads a session of its own where the guest has setsid, so
 * that all it started can be ended with it.
 */
const script = `d=$1 i=$2; shift 2
[ "$i" ] || exec </dev/null
mkdir -m 700 "$d" && : >"$d/o" && : >"$d/e" || exit 126
command -v "$1" >/dev/null 2>&1 || { : >"$d/n"; exit 127; }
s=; command -v setsid >/dev/null 2>&1 && s=setsid
exec $s "$@" >"$d/o" 2>"$d/e"`;

const killScript = 'kill -9 -"$1" 2>/dev/null || kill -9 "$1"';

/** Runs a command through the agent; `chunkBytes` is how much is read at once. Errors as {@link GuestChannel.exec}. */
export async function execThroughAgent(calls: AgentCalls, command: GuestCommand, chunkBytes: number): Promise<{ exitCode: number }> {
  const deadline = performance.now() + command.timeoutMs;
  const options = command.signal ? { signal: command.signal } : {};
  const directory = `/tmp/nakhoda-${randomBytes(12).toString('hex')}`;
  let pid: number;
  try {
    const argv = ['/bin/sh', '-c', script, 'sh', directory, command.input === undefined ? '' : 'input', ...command.argv];
    pid = await calls.execStart(argv, { capture: false, ...inputOf(command) }, options);
  } catch (error) {
    if (error instanceof AgentRefusal) return execCaptured(calls, command, deadline);
    throw error;
  }

  const handles: number[] = [];
  let exited = false;
  try {
    let streams: { handle: number; deliver: (data: Uint8Array) => void }[] | null = null;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 250)) {
      const status = await calls.execStatus(pid, options);
      exited = status.exited;
      streams ??= await openOutputs();
      if (streams === null && exited) throw notStartedError(command.argv[0] ?? '', 'it could not make files in /tmp');
      for (const { handle, deliver } of streams ?? []) await drain(handle, deliver);
      if (exited) {
        if (status.exitCode === 127 && (await exists(`${directory}/n`))) throw notStartedError(command.argv[0] ?? '', 'there is none');
        return { exitCode: status.exitCode };
      }
      if (performance.now() >= deadline) throw timeoutError();
      await pause(pauseMs, command.signal);
    }
  } finally {
    await cleanUp();
  }

  async function openOutputs() {
    try {
      const out = await calls.fileOpen(`${directory}/o`, 'rb', options);
      handles.push(out);
      const errors = await calls.fileOpen(`${directory}/e`, 'rb', options);
      handles.push(errors);
      return [
        { handle: out, deliver: command.onStdout },
        { handle: errors, deliver: command.onStderr },
      ];
    } catch (error) {
      // The script has not made them yet.
      if (error instanceof AgentRefusal) return null;
      throw error;
    }
  }

  async function drain(handle: number, deliver: (data: Uint8Array) => void): Promise<void> {
    for (;;) {
      const data = await calls.fileRead(handle, chunkBytes, options);
      if (data.length > 0) deliver(data);
      // While the program writes faster than this reads, its time limit must still be looked at.
      if (data.length < chunkBytes || performance.now() >= deadline) return;
    }
  }

  async function exists(path: string): Promise<boolean> {
    try {
      handles.push(await calls.fileOpen(path, 'rb', options));
      return true;
    } catch (error) {
      if (error instanceof AgentRefusal) return false;
      throw error;
    }
  }

  /** Best effort, with a short limit and whatever the signal says: a guest that hangs or is gone keeps its files. */
  async function cleanUp(): Promise<void> {
    try {
      if (!exited) await runSilently(['/bin/sh', '-c', killScript, 'sh', String(pid)]);
      for (const handle of handles) await calls.fileClose(handle, { timeoutMs: 3_000 });
      await runSilently(['/bin/rm', '-rf', directory]);
      if (!exited) await calls.execStatus(pid, { timeoutMs: 3_000 });
    } catch {
      return;
    }
  }

  async function runSilently(argv: string[]): Promise<void> {
    const helper = await calls.execStart(argv, { capture: false }, { timeoutMs: 3_000 });
    // The agent keeps an ended program in mind until it was asked about it.
    for (let tries = 0; tries < 20; tries += 1) {
      if ((await calls.execStatus(helper, { timeoutMs: 3_000 })).exited) return;
      await delay(20);
    }
  }
}

/** For guests without a shell: the output comes at the end. */
async function execCaptured(calls: AgentCalls, command: GuestCommand, deadline: number): Promise<{ exitCode: number }> {
  const options = command.signal ? { signal: command.signal } : {};
  let pid: number;
  try {
    pid = await calls.execStart(command.argv, { capture: true, ...inputOf(command) }, options);
  } catch (error) {
    if (error instanceof AgentRefusal) throw notStartedError(command.argv[0] ?? '', error.message);
    throw error;
  }
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 250)) {
    const status = await calls.execStatus(pid, options);
    if (status.exited) {
      if (status.stdout.length > 0) command.onStdout(status.stdout);
      if (status.stderr.length > 0) command.onStderr(status.stderr);
      return { exitCode: status.exitCode };
    }
    if (performance.now() >= deadline) throw timeoutError();
    await pause(pauseMs, command.signal);
  }
}

function inputOf({ input }: GuestCommand): { input?: Uint8Array } {
  return input === undefined ? {} : { input };
}

/** Waits; an abort ends the wait with the signal's own reason. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  signal?.throwIfAborted();
}

function notStartedError(program: string, reason: string): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: `The guest could not start "${program}": ${reason}.`,
    hint: 'Check the name; a shell line needs `sh -c`.',
  });
}

function timeoutError(): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: 'The command did not end within its time limit and was killed.',
    hint: 'Give it more time, or look at the console for what it waits for.',
  });
}

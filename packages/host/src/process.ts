import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError } from '@nakhoda/schema';

/**
 * A process that is still the one we mean after a restart of the daemon or a reuse of its pid:
 * pid, start time and boot id together are unique.
 */
export interface ProcessRef {
  pid: number;
  /** Clock ticks after boot: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
  startTicks: number;
  /** /proc/sys/kernel/random/boot_id */
  bootId: string;
}

let bootId: string | undefined;
function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/** State letter and start time of a live process; null when there is none, or only a zombie. */
function readStat(pid: number): { startTicks: number } | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the program's name in parentheses and may hold anything, parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  if (state === undefined || state === 'Z' || state === 'X') return null;
  return { startTicks: Number(fields[19]) };
}

/** A durable reference to a running process, or null when no such process lives. */
export function processRef(pid: number): ProcessRef | null {
  const stat = readStat(pid);
  return stat === null ? null : { pid, startTicks: stat.startTicks, bootId: currentBootId() };
}

/** True while exactly this process lives. A few microseconds. */
export function isAlive(ref: ProcessRef): boolean {
  return ref.bootId === currentBootId() && readStat(ref.pid)?.startTicks === ref.startTicks;
}

/** The process's command line, or null when it is gone. */
export function processArgv(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return null;
  }
}

export interface SpawnOptions {
  /** File that both outputs are appended to; made with mode 0600. */
  logPath: string;
  env?: Record<string, string>;
  cwd?: string;
}

/** Opens a program's log to be appended to; made with mode 0600. Never through a link: hypervisors may make files beside it. */
export function openLog(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

/**
 * Starts a program in a session of its own, so that it outlives the daemon, with no standard input.
 * @throws NakhodaError `exec.not-found` or `exec.failed` when it cannot be started at all.
 */
export function spawnDetached(argv: readonly string[], options: SpawnOptions): Promise<ProcessRef> {
  const [program, ...args] = argv;
  if (program === undefined) throw new TypeError('spawnDetached needs a program');
  const log = openLog(options.logPath);
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    child.unref();
    return new Promise((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          new NakhodaError(error.code === 'ENOENT' ? 'exec.not-found' : 'exec.failed', {
            message: `${program} could not be started: ${error.message}`,
            hint: 'Run `./nakhoda setup`, which installs what is missing.',
            cause: error,
          }),
        );
      });
      child.once('spawn', () => {
        const ref = child.pid === undefined ? null : processRef(child.pid);
        if (ref) resolve(ref);
        else
          reject(
            new NakhodaError('exec.failed', { message: `${program} ended at once.`, hint: `Its last words are in ${options.logPath}.` }),
          );
      });
    });
  } finally {
    closeSync(log);
  }
}

/** Resolves true when the process is gone, false when `timeoutMs` passed or the signal came first. */
export async function waitForExit(
  ref: ProcessRef,
  options: { timeoutMs: number; signal?: AbortSignal; pollMs?: number },
): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs;
  while (isAlive(ref)) {
    if (performance.now() >= deadline || options.signal?.aborted) return false;
    await delay(options.pollMs ?? 25);
  }
  return true;
}

/** Ends a process: SIGTERM, and SIGKILL after `graceMs`. Returns when it is gone; at once when it already is. */
export async function terminate(ref: ProcessRef, options: { graceMs: number }): Promise<void> {
  for (const [signalName, waitMs] of [
    ['SIGTERM', options.graceMs],
    ['SIGKILL', 10_000],
  ] as const) {
    if (!isAlive(ref)) return;
    try {
      process.kill(ref.pid, signalName);
    } catch {
      // It ended between the look and the signal.
    }
    if (await waitForExit(ref, { timeoutMs: waitMs })) return;
  }
  throw new NakhodaError('exec.failed', {
    message: `Process ${ref.pid} did not end, not even by SIGKILL; it is probably waiting for a disk.`,
    hint: 'Look at the host kernel log for I/O errors.',
  });
}

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Client } from '@nakhoda/client';
import type { SystemStatus } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema/errors';

import { daemonEnvironment, daemonNodeFlags, daemonProgram } from './daemon-program.ts';
import { readReadyFile, type ReadyFile } from './ready-file.ts';

/** A daemon takes a second or two; a busy machine may need much longer. */
const startLimitMs = 60_000;
const stopLimitMs = 60_000;
const pollMs = 50;
const shownLogLines = 15;

/** A daemon that answers. */
export interface RunningDaemon {
  readonly status: SystemStatus;
  /** Null when it has not written the file, or somebody took it away. */
  readonly ready: ReadyFile | null;
}

/** The daemon of the data folder, or null when none answers. */
export async function runningDaemon(client: Client, data: string): Promise<RunningDaemon | null> {
  try {
    const status = await client.call('system.status', { signal: AbortSignal.timeout(5000) });
    return { status, ready: readReadyFile(data, status.pid) };
  } catch (error) {
    if (error instanceof NakhodaError && error.code === 'daemon.unreachable') return null;
    if (error instanceof DOMException && error.name === 'TimeoutError') throw noAnswer(data);
    throw error;
  }
}

/** Arguments of the daemon's program. */
export interface DaemonArguments {
  readonly data: string;
  readonly port?: number;
  readonly host?: string;
}

export function daemonArguments({ data, port, host }: DaemonArguments): string[] {
  return [
    ...daemonNodeFlags,
    daemonProgram,
    '--data',
    data,
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(host === undefined ? [] : ['--host', host]),
  ];
}

/** Starts a daemon that outlives this command, its output in `log/daemon.log`, and returns when it is ready. */
export async function startDetached(client: Client, settings: DaemonArguments): Promise<RunningDaemon> {
  const folder = join(settings.data, 'log');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const logPath = join(folder, 'daemon.log');
  const log = openSync(logPath, 'a', 0o600);
  const logStart = statSync(logPath).size;
  const child = spawn(process.execPath, daemonArguments(settings), {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env: daemonEnvironment(),
  });
  closeSync(log);
  child.unref();
  return waitUntilReady(client, settings.data, child, () => lastLines(logPath, logStart));
}

/** Waits until the daemon answers and has told how to log in. Ends it and tells its last words when it does not come up. */
export async function waitUntilReady(client: Client, data: string, child: ChildProcess, lastWords: () => string): Promise<RunningDaemon> {
  const end: { how?: string } = {};
  child.once('exit', (code, signal) => (end.how = signal === null ? `exit code ${code}` : `signal ${signal}`));
  child.once('error', (error) => (end.how = error.message));
  const deadline = performance.now() + startLimitMs;
  while (performance.now() < deadline) {
    if (end.how !== undefined) throw failedStart(`The daemon ended while it started (${end.how}).`, lastWords());
    const daemon = await runningDaemon(client, data);
    if (daemon !== null && daemon.ready !== null && daemon.status.pid === child.pid) return daemon;
    await delay(pollMs);
  }
  child.kill('SIGTERM');
  throw failedStart(`The daemon did not answer within ${startLimitMs / 1000} s, and was stopped.`, lastWords());
}

/** Tells the daemon to stop and returns when its process is gone. */
export async function stopDaemon(client: Client, data: string): Promise<SystemStatus> {
  const status = await client.call('system.stop');
  const deadline = performance.now() + stopLimitMs;
  while (isAlive(status.pid)) {
    if (performance.now() >= deadline) {
      throw new NakhodaError('exec.timeout', {
        message: `The daemon of ${data} was told to stop, but its process ${status.pid} still runs after ${stopLimitMs / 1000} s.`,
        hint: `See its log, ${join(data, 'log/daemon.log')}; \`kill ${status.pid}\` ends it. VMs go on running.`,
      });
    }
    await delay(pollMs);
  }
  return status;
}

/** A process that has ended but that nobody has waited for is gone as well. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return false;
  try {
    // proc_pid_stat(5): the state stands behind the name, which is in parentheses and may hold anything.
    const text = readFileSync(stat, 'utf8');
    return !/^ [ZX]/u.test(text.slice(text.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

function lastLines(path: string, from: number): string {
  const text = readFileSync(path).subarray(from).toString().trim();
  return text.split('\n').slice(-shownLogLines).join('\n');
}

function failedStart(what: string, lastWords: string): NakhodaError {
  return new NakhodaError('setup.failed', {
    message: lastWords === '' ? what : `${what} Its last lines:\n${lastWords}`,
    hint: 'Put right what they say, then run the same command again.',
  });
}

function noAnswer(data: string): NakhodaError {
  return new NakhodaError('daemon.unreachable', {
    message: `The daemon of ${data} takes connections but does not answer within 5 s.`,
    hint: `See its log, ${join(data, 'log/daemon.log')}.`,
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { waitFor } from '@nakhoda/host';

const root = fileURLToPath(new URL('../..', import.meta.url));
const daemonMain = join(root, 'apps/daemon/src/main.ts');
const cliMain = join(root, 'apps/cli/src/main.ts');

export interface CliResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A real daemon on a data folder and in a network namespace of its own. */
export interface DaemonProcess {
  readonly data: string;
  /** Where HTTPS listens, inside the namespace. */
  url(): Promise<string>;
  /** The first password; only before anybody else read it. */
  readonly password: string | null;
  /** Ends the daemon with SIGKILL. VMs go on running. */
  kill(): Promise<void>;
  /** Starts it again on the same data folder, in the same namespace. */
  restart(): Promise<void>;
  /** Runs the command line against it, to its end. */
  cli(args: readonly string[], options?: { input?: string; timeoutMs?: number; env?: Record<string, string> }): Promise<CliResult>;
  /** The same with `--json`, parsed. Fails the test when the exit code is not 0. */
  json<T>(...args: string[]): Promise<T>;
  /** Stops the daemon, the namespace and every process that runs on the data folder, and deletes the folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs a program to its end without ever failing. */
function run(
  argv: readonly string[],
  options: { input?: string; timeoutMs?: number; env?: Record<string, string> } = {},
): Promise<CliResult> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000);
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString('utf8')));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ exitCode: code ?? -1, ...output });
    });
  });
}

/** Holds a network namespace with only loopback in it for as long as it lives. */
function openNamespace(): ChildProcess {
  return spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** @param options.hypervisors comma-separated, as in NAKHODA_HYPERVISORS */
export async function startDaemon(options: { hypervisors: string; env?: Record<string, string> }): Promise<DaemonProcess> {
  const data = await mkdtemp(join(tmpdir(), 'nkt-'));
  const namespace = openNamespace();
  await new Promise((resolve, reject) => {
    namespace.stdout?.once('data', resolve);
    namespace.once('exit', () => reject(new Error('The test needs a network namespace of its own, and none could be made.')));
  });
  const enter = ['nsenter', `--net=/proc/${namespace.pid}/ns/net`];
  const env = { NAKHODA_DATA: data, NAKHODA_HYPERVISORS: options.hypervisors, NAKHODA_LOG_LEVEL: 'info', ...options.env };
  let daemon: ChildProcess | null = null;
  let password: string | null = null;
  let log = '';

  const ready = async (): Promise<{ url: string; password: string | null } | null> => {
    try {
      return JSON.parse(await readFile(join(data, 'run/ready.json'), 'utf8')) as { url: string; password: string | null };
    } catch {
      return null;
    }
  };

  const start = async (): Promise<void> => {
    await rm(join(data, 'run/ready.json'), { force: true });
    const argv = [...enter.slice(1), process.execPath, daemonMain, '--port', '8006', '--host', '127.0.0.1'];
    const child = spawn('nsenter', argv, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    daemon = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (log = (log + chunk.toString('utf8')).slice(-20_000)));
    const found = await waitFor(async () => (child.exitCode === null ? ready() : null), { timeoutMs: 60_000 });
    if (found === null) throw new Error(`The daemon did not become ready:\n${log}`);
    password ??= found.password;
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = daemon;
    daemon = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };

  const cli: DaemonProcess['cli'] = (args, more = {}) =>
    run([...enter, process.execPath, cliMain, ...args], { ...more, env: { ...env, ...more.env } });

  await start();
  return {
    data,
    get password() {
      return password;
    },
    url: async () => (await ready())?.url ?? '',
    kill: () => end('SIGKILL'),
    restart: start,
    cli,
    async json<T>(...args: string[]): Promise<T> {
      const result = await cli([...args, '--json'], { timeoutMs: 600_000 });
      if (result.exitCode !== 0)
        throw new Error(`nakhoda ${args.join(' ')} ended with ${result.exitCode}:\n${result.stderr}\nDaemon:\n${log.slice(-4000)}`);
      return JSON.parse(result.stdout) as T;
    },
    async [Symbol.asyncDispose]() {
      await end('SIGTERM');
      await endProcessesOf(data);
      namespace.kill();
      await rm(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** Ends whatever still runs with the data folder in its command line or environment: guests and their helpers of this test. */
async function endProcessesOf(data: string): Promise<void> {
  const { readdir } = await import('node:fs/promises');
  const mine = async (pid: string): Promise<boolean> => {
    if (!/^\d+$/u.test(pid) || Number(pid) === process.pid) return false;
    try {
      const parts = await Promise.all(['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')));
      return parts.some((text) => text.includes(data));
    } catch {
      return false;
    }
  };
  for (const pid of await readdir('/proc')) {
    if (!(await mine(pid))) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

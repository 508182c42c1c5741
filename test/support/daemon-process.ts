import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Client, createClient } from '@nakhoda/client';
import { waitFor } from '@nakhoda/host';

import { daemonEnvironment, daemonNodeFlags } from '../../apps/cli/src/daemon-program.ts';
import { openNetworkNamespace } from './network-namespace.ts';
import { endProcessesOf } from './processes-of.ts';
import { type ProgramOptions, type ProgramResult, runProgram } from './run-program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const daemonMain = join(root, 'apps/daemon/src/main.ts');
const cliMain = join(root, 'apps/cli/src/main.ts');

/** A real daemon on a data folder and in a network namespace of its own. */
export interface DaemonProcess {
  readonly data: string;
  /** Where HTTPS listens, inside the namespace. */
  url(): Promise<string>;
  /** The first password; only before anybody else read it. */
  readonly password: string | null;
  /** The API as the local administrator has it, through the Unix socket; of whichever daemon runs at the moment. */
  readonly client: Client;
  /** The end of what the daemons have printed. */
  log(): string;
  /** Ends the daemon with SIGKILL. VMs go on running. */
  kill(): Promise<void>;
  /** Ends it with SIGTERM, and gives its exit code. */
  stop(): Promise<number | null>;
  /**
   * Starts it again on the same data folder, in the same namespace.
   * @param options.env instead of that which was added at first
   * @param options.through a command that becomes the daemon's
   */
  restart(options?: { env?: Record<string, string>; through?: readonly string[] }): Promise<void>;
  /** Starts it again and ends it with SIGKILL after so many milliseconds, wherever it is by then. */
  restartAndKill(afterMs: number): Promise<void>;
  /** The command that runs `argv` in the daemon's network namespace. */
  enter(argv: readonly string[]): string[];
  /** Runs a program in the daemon's network namespace. */
  inNamespace(argv: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** Runs the command line against it, to its end. */
  cli(args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** The same with `--json`, parsed. Fails the test when the exit code is not 0. */
  json<T>(...args: string[]): Promise<T>;
  /** Stops the daemon, the namespace and every process that runs on the data folder, and deletes the folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param options.hypervisors comma-separated, as in NAKHODA_HYPERVISORS */
export async function startDaemon(options: { hypervisors: string; env?: Record<string, string> }): Promise<DaemonProcess> {
  const data = await mkdtemp(join(tmpdir(), 'nkt-'));
  const namespace = await openNetworkNamespace();
  const base = { NAKHODA_DATA: data, NAKHODA_HYPERVISORS: options.hypervisors, NAKHODA_LOG_LEVEL: 'info' };
  let env: Record<string, string> = { ...base, ...options.env };
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

  const launch = async (through: readonly string[] = []): Promise<ChildProcess> => {
    await rm(join(data, 'run/ready.json'), { force: true });
    const argv = [...through, process.execPath, ...daemonNodeFlags, daemonMain, '--port', '8006', '--host', '127.0.0.1'];
    const [program = '', ...args] = namespace.enter(argv);
    const child = spawn(program, args, { env: { ...daemonEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    daemon = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (log = (log + chunk.toString('utf8')).slice(-20_000)));
    return child;
  };

  const start = async (through?: readonly string[]): Promise<void> => {
    const child = await launch(through);
    const found = await waitFor(async () => (child.exitCode === null ? ready() : { url: '', password: null }), { timeoutMs: 60_000 });
    if (found === null || child.exitCode !== null) throw new Error(`The daemon did not become ready:\n${log}`);
    password ??= found.password;
  };

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const child = daemon;
    daemon = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return ended;
  };

  const inNamespace: DaemonProcess['inNamespace'] = (argv, more = {}) => runProgram(namespace.enter(argv), more);
  const cli: DaemonProcess['cli'] = (args, more = {}) =>
    inNamespace([process.execPath, cliMain, ...args], { ...more, env: { ...env, ...more.env } });

  await start();
  return {
    data,
    get password() {
      return password;
    },
    url: async () => (await ready())?.url ?? '',
    client: createClient({ socketPath: join(data, 'run/nakhoda.sock') }),
    log: () => log,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    restart: async (other = {}) => {
      if (other.env) env = { ...base, ...other.env };
      await start(other.through);
    },
    restartAndKill: async (afterMs) => {
      const child = await launch();
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
      await new Promise((resolve) => child.once('exit', resolve));
      clearTimeout(timer);
      daemon = null;
    },
    enter: namespace.enter,
    inNamespace,
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
      namespace.close();
      await rm(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

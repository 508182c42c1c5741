import { spawn } from 'node:child_process';
import { once } from 'node:events';

import {
  daemonArguments,
  runningDaemon,
  startDetached,
  waitUntilReady,
  type DaemonArguments,
  type RunningDaemon,
} from '../daemon-process.ts';
import { daemonEnvironment } from '../daemon-program.ts';
import { readFieldValue } from '../field-value.ts';
import { printResult, type Invocation } from '../invocation.ts';
import { loginText } from '../login-text.ts';
import { forgetPassword } from '../ready-file.ts';

const portSchema = { type: 'integer', minimum: 0, maximum: 65_535, description: 'TCP port, 0 for any free one' };

/**
 * Starts the daemon of the data folder and tells where it is and how to log in. In the foreground it ends when the daemon
 * does, with its exit code; with `detach` it returns when the daemon answers. One that runs already is left as it is.
 */
export async function up(invocation: Invocation, options: { detach?: boolean; port?: string; host?: string }): Promise<number> {
  const { client, data } = invocation;
  const settings: DaemonArguments = {
    data,
    ...(options.port === undefined ? {} : { port: Number(readFieldValue(portSchema, '--port', options.port)) }),
    ...(options.host === undefined ? {} : { host: options.host }),
  };
  const running = await runningDaemon(client, data);
  if (running !== null) {
    await tell(invocation, running, 'The daemon runs already.');
    return 0;
  }
  if (options.detach === true) {
    await tell(invocation, await startDetached(client, settings), 'The daemon is ready. Stop it with: nakhoda down');
    return 0;
  }
  return runInForeground(invocation, settings);
}

async function runInForeground(invocation: Invocation, settings: DaemonArguments): Promise<number> {
  // The daemon's log goes to standard error: standard output is the result's.
  const child = spawn(process.execPath, daemonArguments(settings), {
    stdio: ['ignore', process.stderr, process.stderr],
    env: daemonEnvironment(),
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  // Ctrl-C in a terminal reaches the daemon by itself; SIGTERM besides is harmless, a second SIGINT might not be.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'));
  const daemon = await Promise.race([waitUntilReady(invocation.client, invocation.data, child, () => ''), ended]);
  if (!Array.isArray(daemon)) await tell(invocation, daemon, 'The daemon is ready. Ctrl-C stops it.');
  const [code] = await ended;
  return code ?? 1;
}

async function tell(invocation: Invocation, daemon: RunningDaemon, headline: string): Promise<void> {
  const { status, ready } = daemon;
  const answer = { ...status, user: ready?.user ?? null, password: ready?.password ?? null, fingerprint: ready?.fingerprint ?? null };
  await printResult(invocation, answer, () => `${headline}\n\n${loginText(daemon)}`);
  if (ready !== null) forgetPassword(invocation.data, ready);
}

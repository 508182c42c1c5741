import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { exec } from '../../exec.ts';
import { waitFor } from '../../wait.ts';

/** The program and arguments that run another in a network namespace of its own. */
function inFreshNamespace(argv: readonly string[]): { program: string; args: string[] } {
  return { program: 'unshare', args: ['--net', '--', ...argv] };
}

/** Runs a file of `node:test` cases in a fresh network namespace with lo up. Throws with its output when one fails. */
export async function runInNamespace(file: URL): Promise<void> {
  const { NODE_TEST_CONTEXT: _inherited, ...env } = process.env;
  const up = 'ip link set dev lo up && exec "$@"';
  const { program, args } = inFreshNamespace(['sh', '-c', up, 'sh', process.execPath, '--test-reporter=spec', fileURLToPath(file)]);
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const text = Buffer.concat(output).toString('utf8');
  if (code !== 0 || !/tests [1-9]/.test(text) || !/skipped 0/.test(text)) throw new Error(`${fileURLToPath(file)}:\n${text}`);
}

/** A network namespace with one interface `eth0`, the other end of which is a port of a bridge here. */
export interface GuestNamespace {
  pid: number;
  mac: string;
  /** Runs a program in it; gives standard output. */
  run(argv: readonly string[], options?: { timeoutMs?: number }): Promise<string>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Lives as long as this process at the most: its holder reads from a pipe of ours. */
export async function createGuestNamespace(): Promise<Omit<GuestNamespace, 'mac'>> {
  const own = readlinkSync('/proc/self/ns/net');
  const { program, args } = inFreshNamespace(['cat']);
  const holder = spawn(program, args, { stdio: ['pipe', 'ignore', 'inherit'] });
  const { pid } = holder;
  if (pid === undefined) throw new Error('unshare did not start');
  const entered = await waitFor(() => readlinkSync(`/proc/${pid}/ns/net`) !== own, { timeoutMs: 5_000, pollMs: 5 });
  if (!entered) throw new Error('the namespace was not made');
  const run = async (argv: readonly string[], options: { timeoutMs?: number } = {}): Promise<string> =>
    (await exec(['nsenter', '--target', String(pid), '--net', '--', ...argv], { timeoutMs: options.timeoutMs ?? 20_000 })).stdout;
  await run(['ip', 'link', 'set', 'dev', 'lo', 'up']);
  const close = async (): Promise<void> => {
    if (holder.exitCode !== null) return;
    const closed = once(holder, 'close');
    holder.stdin.end();
    await closed;
  };
  return { pid, run, close, [Symbol.asyncDispose]: close };
}

/** A guest of the simplest kind: a namespace on a veth pair whose other end `port` is a port of `bridge`. */
export async function createVethGuest(options: { port: string; bridge: string; mac: string }): Promise<GuestNamespace> {
  const { port, bridge, mac } = options;
  const guest = await createGuestNamespace();
  const peer = ['peer', 'name', 'eth0', 'address', mac, 'netns', String(guest.pid)];
  await exec(['ip', 'link', 'add', 'name', port, 'type', 'veth', ...peer]);
  await exec(['ip', 'link', 'set', 'dev', port, 'master', bridge, 'up']);
  await guest.run(['ip', 'link', 'set', 'dev', 'eth0', 'up']);
  return { ...guest, mac };
}

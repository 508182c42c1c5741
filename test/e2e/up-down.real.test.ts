import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { LabReport, Vm } from '@nakhoda/schema';

import type { Visit } from '../support/https-visitor.ts';
import { type NetworkNamespace, openNetworkNamespace } from '../support/network-namespace.ts';
import { endProcessesOf, processesOf } from '../support/processes-of.ts';
import { type ProgramOptions, type ProgramResult, runProgram } from '../support/run-program.ts';

/** The real entry, `./nakhoda`, as a person uses it, on a data folder of its own in a network namespace with loopback alone. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const visitor = fileURLToPath(new URL('../support/https-visitor.ts', import.meta.url));
const daemonMain = join(root, 'apps/daemon/src/main.ts');
/** A person gets the prompt back in seconds; on a machine with other work it may take longer. */
const patienceMs = 60_000;

let folder: string;
let data: string;
let namespace: NetworkNamespace;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nkt-up-'));
  data = join(folder, 'data');
  namespace = await openNetworkNamespace();
});
after(async () => {
  await endProcessesOf(folder);
  namespace.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

const command = (args: readonly string[], place = data): string[] => namespace.enter([join(root, 'nakhoda'), ...args, '--data', place]);
const nakhoda = (args: readonly string[], options: ProgramOptions & { place?: string } = {}): Promise<ProgramResult> =>
  runProgram(command(args, options.place), { timeoutMs: patienceMs, ...options });
async function succeed(args: readonly string[], options: ProgramOptions & { place?: string } = {}): Promise<ProgramResult> {
  const result = await nakhoda(args, options);
  assert.equal(result.exitCode, 0, result.stdout + result.stderr);
  return result;
}
const value = (text: string, label: RegExp): string => label.exec(text)?.[1] ?? assert.fail(`${label} is not in:\n${text}`);
const daemons = async (): Promise<number[]> =>
  (await processesOf(folder)).filter(({ argv }) => argv.includes(daemonMain)).map(({ pid }) => pid);

let login = { url: '', user: '', password: '', fingerprint: '' };

test('up --detach tells where the daemon is and how to log in', async (t: TestContext) => {
  const began = performance.now();
  const { stdout } = await succeed(['up', '--detach']);
  t.diagnostic(`the first up took ${Math.round(performance.now() - began)} ms`);
  login = {
    url: value(stdout, /(https:\/\/\S+:8006)\b/u),
    user: value(stdout, /^\s*user\s+(\S+)$/mu),
    password: value(stdout, /^\s*password\s+(\S+)/mu),
    fingerprint: value(stdout, /SHA-256\s+(\S+)/u),
  };
  assert.ok(login.password.length >= 16, 'a password that nobody guesses');
});

test('with that the API opens over HTTPS, and without it stays shut', async () => {
  const { stdout, stderr } = await runProgram(namespace.enter([process.execPath, visitor, login.url, login.user, login.password]));
  assert.notEqual(stdout, '', stderr);
  const { fingerprint, ...statuses } = JSON.parse(stdout) as Visit;
  assert.equal(fingerprint, login.fingerprint);
  assert.deepEqual(statuses, { withoutLogin: 401, wrongPassword: 401, login: 200, withLogin: 200 });
});

test('a second up is quick, changes nothing, and does not repeat the password', async (t: TestContext) => {
  const [pid] = await daemons();
  const began = performance.now();
  const { stdout } = await succeed(['up', '--detach']);
  const ms = Math.round(performance.now() - began);
  t.diagnostic(`the second up took ${ms} ms`);
  assert.ok(ms < 15_000, `${ms} ms`);
  assert.doesNotMatch(stdout, /password/u);
  assert.ok(!stdout.includes(login.password));
  assert.deepEqual(await daemons(), [pid]);
});

test('VMs go on running after down, and are found again after up', async (t: TestContext) => {
  await succeed(['vm', 'create', 'keeper', '--hypervisor', 'qemu', '--memory', '64', '--disk', '1', '--start']);
  const show = async (): Promise<Vm> => JSON.parse((await succeed(['vm', 'show', 'keeper', '--json'])).stdout) as Vm;
  const { pid } = await show();
  const { stdout } = await succeed(['down']);
  assert.match(stdout, /One VM goes on running/u);
  assert.deepEqual(await daemons(), []);
  assert.ok(pid && process.kill(pid, 0), 'the guest runs');
  const gone = await nakhoda(['vm', 'list', '--json']);
  assert.equal(gone.exitCode, 1);
  assert.equal((JSON.parse(gone.stderr) as { code: string }).code, 'daemon.unreachable');
  assert.match((await succeed(['down'])).stdout, /No daemon runs/u);

  const began = performance.now();
  assert.doesNotMatch((await succeed(['up', '--detach'])).stdout, /password/u);
  t.diagnostic(`up on a known data folder took ${Math.round(performance.now() - began)} ms`);
  const again = await show();
  assert.deepEqual([again.state, again.pid], ['running', pid]);
});

test('a port that is taken is a clear error', async () => {
  const other = await nakhoda(['up', '--detach', '--json'], { place: join(folder, 'other') });
  assert.equal(other.exitCode, 1, other.stdout);
  const error = JSON.parse(other.stderr.trim().split('\n').at(-1) ?? '') as { code: string; message: string; hint: string };
  assert.equal(error.code, 'setup.failed');
  assert.match(error.message, /port 8006: another program has it/u);
  assert.match(error.message + error.hint, /--port/u);
  assert.equal((await daemons()).length, 1, 'only the first daemon is left');
});

test('a data folder that another daemon uses is a clear error', async () => {
  const second = await runProgram(namespace.enter([process.execPath, daemonMain, '--data', data, '--port', '0']));
  assert.equal(second.exitCode, 1);
  assert.match(second.stderr, /Another daemon runs on the data folder/u);
  assert.match(second.stderr, /nakhoda down/u);
  assert.equal((await daemons()).length, 1);
  await succeed(['vm', 'list']);
  await succeed(['vm', 'stop', 'keeper']);
  await succeed(['down']);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`up in the foreground ends in order on ${signal}`, async () => {
    const [program = '', ...args] = command(['up']);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const ended = once(child, 'exit');
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    await Promise.race([once(child.stdout, 'data'), ended]);
    assert.match(output, /The daemon is ready\. Ctrl-C stops it\./u);
    await succeed(['vm', 'list']);
    // A terminal sends SIGINT to everything in the foreground, a service manager SIGTERM to the one process it knows.
    process.kill(signal === 'SIGINT' ? -(child.pid ?? 0) : (child.pid ?? 0), signal);
    const [code] = (await ended) as [number | null];
    assert.equal(code, 0, output);
    assert.deepEqual(await daemons(), []);
  });
}

test('lab run without a daemon starts one, passes, and stops it again', { timeout: 900_000 }, async (t: TestContext) => {
  const place = join(folder, 'lab');
  const out = join(folder, 'report');
  const began = performance.now();
  const { stderr } = await succeed(['lab', 'run', '--hypervisors', 'qemu', '--out', out], { place, timeoutMs: 900_000 });
  t.diagnostic(`it took ${Math.round((performance.now() - began) / 1000)} s`);
  assert.match(stderr, /No daemon runs: starting one/u);
  const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as LabReport;
  assert.equal(report.ok, true);
  assert.ok(report.checks.some((check) => check.id === 'rollback.qemu' && check.status === 'passed'));
  assert.deepEqual(await processesOf(place), [], 'nothing runs any more');
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { NakhodaError, type ExecLine, type TaskFollowLine } from '@nakhoda/schema';

import type { Handlers } from '../../apps/daemon/src/http/handlers.ts';
import { startStubServer, stubTask, stubVm, type StubServer } from '../support/stub-server.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const received: unknown[] = [];
const notFound = new NakhodaError('vm.not-found', { message: 'There is no VM called nobody.', hint: 'List them: nakhoda vm list' });
const base64 = (text: string) => Buffer.from(text).toString('base64');

const handlers: Partial<Handlers> = {
  'vm.list': async () => [
    stubVm(),
    stubVm({ vmid: 101, name: 'db\u001B[31m', hypervisor: 'virtualbox', state: 'stopped', addresses: [], uptimeSeconds: 0 }),
  ],
  'vm.show': async ({ params }) => {
    if (params.vm === 'nobody') throw notFound;
    return stubVm();
  },
  'vm.create': async ({ body }) => {
    received.push(body);
    return stubTask({ state: 'running', endedAt: null });
  },
  'vm.stop': async () => stubTask({ id: 't2', state: 'queued', endedAt: null }),
  'vm.exec': async ({ body }) => execLines(body.argv),
  'vm.console': async () => (socket) => {
    socket.send(Buffer.from('backlog\n'));
    socket.on('message', (data) => socket.send(data));
  },
  'snapshot.list': async () => [
    { name: 'base', parent: null, description: 'clean', createdAt: '2026-01-02T03:04:05.678Z', memory: true, current: false },
    { name: 'next', parent: 'base', description: '', createdAt: '2026-01-02T03:05:05.678Z', memory: false, current: true },
  ],
  'network.list': async () => [],
  'network.create': async ({ body }) => {
    received.push(body);
    return stubTask();
  },
  'task.show': async ({ params }) => stubTask({ id: params.task }),
  'task.follow': async ({ params }) => taskLines(params.task),
};

async function* execLines(argv: readonly string[]): AsyncGenerator<ExecLine> {
  yield { stream: 'stdout', data: base64(`${argv.join('|')}\n`) };
  yield { stream: 'stderr', data: base64('to stderr\n') };
  if (argv[0] === 'break') throw new NakhodaError('guest.timeout', { message: 'The guest was silent.', hint: 'Wait.' });
  yield { exitCode: 7 };
}

async function* taskLines(id: string): AsyncGenerator<TaskFollowLine> {
  const step = { name: 'boot the guest', state: 'running' } as const;
  yield { task: stubTask({ id, state: 'running', endedAt: null, steps: [step], progress: 0.5 }) };
  yield { log: { seq: 1, at: '2026-01-02T03:04:05.678Z', line: 'it boots' } };
  const error = { code: 'vm.wrong-state', message: 'web is stopped.', hint: 'Start it.' };
  yield { task: id === 't2' ? stubTask({ id, state: 'failed', error }) : stubTask({ id }) };
}

interface Outcome {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

function cli(args: readonly string[], options: { input?: string; data?: string } = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, NAKHODA_DATA: options.data ?? stub.data } });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (piece: Buffer) => (output.stdout += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (output.stderr += piece.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, ...output }));
  });
}

let stub: StubServer;
before(async () => {
  stub = await startStubServer(handlers);
});
after(() => stub[Symbol.asyncDispose]());

interface Case {
  readonly args: readonly string[];
  readonly exitCode: number;
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
}

const done = 'Start web: done in 3.0 s\n';
const cases: Case[] = [
  {
    args: ['vm', 'list'],
    exitCode: 0,
    stdout:
      'VMID  NAME     HYPERVISOR  STATE    CORES  MEMORY   ADDRESSES   UPTIME\n' +
      '100   web      qemu        running  2      512 MiB  10.77.0.10  1 h 2 min\n' +
      '101   db�[31m  virtualbox  stopped  2      512 MiB  -           -\n',
    stderr: '',
  },
  { args: ['--json', 'vm', 'show', 'web'], exitCode: 0, stdout: `${JSON.stringify(stubVm())}\n`, stderr: '' },
  {
    args: ['vm', 'show', 'nobody'],
    exitCode: 1,
    stdout: '',
    stderr: /^nakhoda: There is no VM called nobody\.\n {2}what to do: List them.*\n {2}error code: vm\.not-found\n$/u,
  },
  { args: ['vm', 'show', 'nobody', '--json'], exitCode: 1, stdout: '', stderr: `${JSON.stringify(notFound.toBody())}\n` },
  { args: ['vm', 'create', 'web', '--hypervisor', 'qemu'], exitCode: 0, stdout: done, stderr: 'Start web: boot the guest\n' },
  { args: ['vm', 'create', 'web', '--hypervisor', 'qemu', '--json'], exitCode: 0, stdout: `${JSON.stringify(stubTask())}\n`, stderr: '' },
  { args: ['vm', 'stop', 'web'], exitCode: 1, stdout: '', stderr: /web is stopped\.\n.*Start it\.\n.*vm\.wrong-state\n$/u },
  {
    args: ['vm', 'stop', 'web', '--json'],
    exitCode: 1,
    stdout: '',
    stderr: '{"code":"vm.wrong-state","message":"web is stopped.","hint":"Start it."}\n',
  },
  { args: ['task', 'follow', 't1'], exitCode: 0, stdout: done, stderr: 'Start web: boot the guest\nit boots\n' },
  {
    args: ['snapshot', 'list', 'web'],
    exitCode: 0,
    stdout: 'base  2026-01-02 03:04:05  with memory  clean\n└─ next  2026-01-02 03:05:05\n   └─ you are here\n',
  },
  { args: ['network', 'list'], exitCode: 0, stdout: /^There is no network\./u },
  { args: ['network', 'list', '--json'], exitCode: 0, stdout: '[]\n' },
  { args: ['vm', 'exec', 'web', '--', 'ls', '-l', '--json', 'a b'], exitCode: 7, stdout: 'ls|-l|--json|a b\n', stderr: 'to stderr\n' },
  {
    args: ['vm', 'exec', 'web', '--json', '--', 'id'],
    exitCode: 7,
    stdout: '{"exitCode":7,"stdout":"id\\n","stderr":"to stderr\\n"}\n',
    stderr: '',
  },
  {
    args: ['vm', 'exec', 'web', '--', 'break'],
    exitCode: 1,
    stdout: 'break\n',
    stderr: /The guest was silent\..*Wait\..*guest\.timeout/su,
  },
  { args: ['--help'], exitCode: 0, stdout: /vm create NAME --hypervisor qemu\|virtualbox/u, stderr: '' },
  { args: ['vm', 'create', '--help'], exitCode: 0, stdout: /--memory <MiB>/u },
  { args: ['--version'], exitCode: 0, stdout: /^\d+\.\d+\.\d+\n$/u },
  { args: [], exitCode: 2, stdout: '', stderr: /A command is missing\./u },
  { args: ['vm'], exitCode: 2, stdout: '' },
  { args: ['vn', 'list'], exitCode: 2, stdout: '', stderr: /Unknown command 'vn'.*Did you mean vm\?/su },
  {
    args: ['vm', 'lits', '--json'],
    exitCode: 2,
    stdout: '',
    stderr: /^\{"code":"request\.invalid","message":"Unknown command 'lits'\.","hint":"Did you mean list\?.*"\}\n$/u,
  },
  { args: ['vm', 'list', '--colour'], exitCode: 2, stderr: /Unknown option '--colour'/u },
  { args: ['vm', 'show'], exitCode: 2, stderr: /argument 'VM'/u },
  { args: ['vm', 'show', 'a', 'b'], exitCode: 2 },
  { args: ['vm', 'create', 'web'], exitCode: 2, stderr: /--hypervisor/u },
  {
    args: ['vm', 'create', 'web', '--hypervisor', 'qemu', '--memory', '-5'],
    exitCode: 2,
    stderr: /--memory is "-5", which is too small.*integer from 16 to 16777216/su,
  },
  {
    args: ['vm', 'create', 'web', '--hypervisor', 'qemu', '--cores', '1.5'],
    exitCode: 2,
    stderr: /--cores is "1\.5", which is not an integer/u,
  },
  { args: ['vm', 'create', 'web', '--hypervisor', 'xen'], exitCode: 2, stderr: /qemu or virtualbox/u },
  ...['a b', 'a"b', 'a\nb', '-rf', '../x', '', 'ä', 'x'.repeat(10_000)].map((name): Case => ({
    args: ['vm', 'create', '--hypervisor', 'qemu', '--', name],
    exitCode: 2,
    stdout: '',
    stderr: /^nakhoda: NAME is ".{0,90}, which is (?:not allowed|too long)\.\n/u,
  })),
];

function assertText(actual: string, expected: string | RegExp | undefined): void {
  if (typeof expected === 'string') assert.equal(actual, expected);
  if (expected instanceof RegExp) assert.match(actual, expected);
}

for (const { args, exitCode, stdout, stderr } of cases) {
  test(`nakhoda ${args.join(' ').slice(0, 80)}`, async () => {
    const outcome = await cli(args);
    assert.equal(outcome.exitCode, exitCode, outcome.stderr);
    assertText(outcome.stdout, stdout);
    assertText(outcome.stderr, stderr);
  });
}

test('flags arrive as the API has them, and nothing that was not given', async () => {
  received.length = 0;
  await cli([
    'vm',
    'create',
    'web',
    '--hypervisor',
    'virtualbox',
    '--vmid',
    '105',
    '--cores',
    '2',
    '--memory',
    '256',
    '--disk',
    '8',
    '--cdrom',
    'tiny',
    '--network',
    'lab',
    '--start',
  ]);
  await cli(['network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp']);
  await cli(['network', 'create', 'lab', '--cidr', '10.77.0.0/24']);
  assert.deepEqual(received, [
    { name: 'web', hypervisor: 'virtualbox', vmid: 105, cores: 2, memoryMiB: 256, diskGiB: 8, cdrom: 'tiny', network: 'lab', start: true },
    { name: 'lab', cidr: '10.77.0.0/24', dhcp: true },
    { name: 'lab', cidr: '10.77.0.0/24' },
  ]);
});

test('the console passes bytes on both ways, and ends when the input has ended and the guest is silent', async () => {
  const outcome = await cli(['console', 'web'], { input: 'echo hello\n' });
  assert.deepEqual(outcome, { exitCode: 0, stdout: 'backlog\necho hello\n', stderr: '' });
});

test('without a daemon it says how to start one', async () => {
  const outcome = await cli(['vm', 'list', '--json'], { data: `${stub.data}/none` });
  assert.equal(outcome.exitCode, 1);
  assert.equal(outcome.stdout, '');
  const error = JSON.parse(outcome.stderr) as Record<string, string>;
  assert.deepEqual(Object.keys(error), ['code', 'message', 'hint']);
  assert.equal(error['code'], 'daemon.unreachable');
  assert.match(error['hint'] ?? '', /\.\/nakhoda up --detach/u);
});

test('`down` without a daemon is no failure', async () => {
  const outcome = await cli(['down'], { data: `${stub.data}/none` });
  assert.deepEqual(
    { exitCode: outcome.exitCode, stdout: outcome.stdout },
    { exitCode: 0, stdout: `No daemon runs on ${stub.data}/none.\n` },
  );
});

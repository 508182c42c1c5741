import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { NakhodaError, type ExecLine, type LabReport, type TaskFollowLine } from '@nakhoda/schema';

import type { Handlers } from '../../apps/daemon/src/http/handlers.ts';
import { startStubServer, stubTask, stubVm, type StubServer } from '../support/stub-server.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const received: unknown[] = [];
const cancelled = Promise.withResolvers<void>();
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
  'vm.exec': async ({ body }) => {
    if (body.stdin !== undefined) received.push(body);
    return execLines(body.argv);
  },
  'vm.keys': async ({ body }) => {
    received.push(body);
    return { pressed: body.keys.length };
  },
  'vm.type': async ({ body }) => {
    received.push(body);
    return { pressed: body.text.length };
  },
  'vm.screenshot': async ({ params }) => {
    if (params.vm === 'nobody') throw notFound;
    return Buffer.from([0x89, 0x50, 0, 0xff]);
  },
  'vm.console': async () => (socket) => {
    socket.send(Buffer.from('backlog\n'));
    socket.on('message', (data) => socket.send(data));
  },
  'vm.guest': async () => ({
    via: 'agent',
    osInfo: { id: 'debian', name: 'Debian', prettyName: 'Debian \u001B[31m12', version: '12', kernel: '6.1.0', machine: 'x86_64' },
    hostname: 'web',
    fileSystems: [{ mountpoint: '/', device: 'vda1', type: 'ext4', totalBytes: 1_073_741_824, usedBytes: 0, freeBytes: 536_870_912 }],
    interfaces: [{ name: 'eth0', mac: '52:54:00:12:34:56', addresses: ['10.77.0.10/24'] }],
    users: [],
    frozen: false,
    observedAt: '2026-01-02T03:04:05.678Z',
  }),
  'vm.file.read': async ({ query }) => ({ path: query.path, sizeBytes: 4, data: base64('a\u0000b\n') }),
  'vm.file.write': async ({ body }) => {
    received.push(body);
    return { path: body.path, sizeBytes: Buffer.from(body.data, 'base64').length };
  },
  'vm.guest.password': async ({ body }) => {
    received.push(body);
    return { user: body.user };
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
  'system.status': async () => ({
    product: 'nakhoda',
    version: '0.1.0',
    node: 'local',
    pid: process.pid,
    startedAt: '2026-01-02T03:04:05.678Z',
    data: stub.data,
    url: 'https://127.0.0.1:8006',
  }),
  'lab.run': async ({ body }) => {
    received.push(body);
    return stubTask({ id: body.lang === 'id' ? 't1' : body.hypervisors === undefined ? 't4' : 't3', state: 'running', endedAt: null });
  },
  'lab.report': async ({ params }) => ({ ...report, ok: params.task === 't1' }),
  'lab.report-page': async ({ query }) => `<!doctype html><html lang="${query.lang}">`,
  'task.cancel': async () => {
    cancelled.resolve();
    return stubTask({ id: 't4', state: 'unwinding', endedAt: null });
  },
  'task.show': async ({ params }) => stubTask({ id: params.task }),
  'task.follow': async ({ params }) => taskLines(params.task),
};

const report = {
  ok: true,
  nakhoda: '0.1.0',
  language: 'id',
  startedAt: '2026-01-02T03:04:05.678Z',
  endedAt: '2026-01-02T03:05:05.678Z',
  host: { check: { node: 'local', hostname: 'h', checkedAt: '2026-01-02T03:04:05.678Z', facts: [] }, hypervisors: [] },
  checks: [
    {
      id: 'boot.qemu',
      hypervisor: 'qemu',
      title: 'Boot',
      expected: 'a',
      observed: 'a',
      status: 'passed',
      startedAt: '2026-01-02T03:04:05.678Z',
      seconds: 1,
      evidence: {},
    },
  ],
} satisfies LabReport;

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
  if (id === 't4') {
    await cancelled.promise;
    yield {
      task: stubTask({ id, state: 'cancelled', error: { code: 'task.cancelled', message: 'It was cancelled.', hint: 'Run it again.' } }),
    };
  }
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
  {
    args: ['vm', 'guest', 'web'],
    exitCode: 0,
    stdout:
      'told by    the guest agent\nsystem     Debian �[31m12\nversion    12\nkernel     6.1.0, x86_64\nhost name  web\nfrozen     no\n\n' +
      'MOUNTED ON  DEVICE  TYPE  SIZE   FREE\n/           vda1    ext4  1 GiB  512 MiB\n\n' +
      'INTERFACE  MAC                ADDRESSES\neth0       52:54:00:12:34:56  10.77.0.10/24\n',
  },
  { args: ['vm', 'file', 'read', 'web', '/etc/x'], exitCode: 0, stdout: 'a\u0000b\n', stderr: '' },
  { args: ['vm', 'file', 'read', 'web', 'etc/x'], exitCode: 2, stderr: /PATH is "etc\/x"/u },
  { args: ['vm', 'file', 'write', 'web', '/etc/x'], exitCode: 2, stderr: /--from/u },
  { args: ['vm', 'file', 'write', 'web', '/etc/x', '--from', '/no/such'], exitCode: 2, stderr: /\/no\/such cannot be used/u },
  { args: ['vm', 'file', 'write', 'web', '/etc/x', '--from', '-', '--mode', '9'], exitCode: 2, stderr: /--mode/u },
  { args: ['vm', 'password', 'web', 'root'], exitCode: 2, stderr: /is no password/u },
  { args: ['vm', 'file', '--help'], exitCode: 0, stdout: /read/u },
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

test('files, passwords and standard input arrive whole', async () => {
  received.length = 0;
  assert.equal((await cli(['vm', 'file', 'write', 'web', '/etc/x', '--from', '-', '--mode', '0600'], { input: 'a\u0000b' })).exitCode, 0);
  assert.equal((await cli(['vm', 'password', 'web', 'root', '--crypted'], { input: '$6$a$b\n' })).exitCode, 0);
  assert.equal((await cli(['vm', 'exec', 'web', '--stdin', '--', 'cat'], { input: 'given' })).exitCode, 7);
  assert.deepEqual(received, [
    { path: '/etc/x', data: base64('a\u0000b'), mode: '0600' },
    { user: 'root', password: '$6$a$b', crypted: true },
    { argv: ['cat'], stdin: base64('given') },
  ]);
  const tooLong = await cli(['vm', 'exec', 'web', '--stdin', '--', 'cat'], { input: 'x'.repeat(65_537) });
  assert.equal(tooLong.exitCode, 2);
  assert.match(tooLong.stderr, /more than 64 KiB/u);
});

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

test('keys, text and pictures go the way of the API', async () => {
  received.length = 0;
  assert.deepEqual(await cli(['vm', 'keys', 'web', 'ctrl-alt-delete', 'ret']), {
    exitCode: 0,
    stdout: 'Pressed 2 combinations of keys, one after another.\n',
    stderr: '',
  });
  assert.equal((await cli(['vm', 'type', 'web', "it's -x", '--enter', '--json'])).stdout, '{"pressed":7}\n');
  assert.deepEqual(received, [{ keys: ['ctrl-alt-delete', 'ret'] }, { text: "it's -x", enter: true }]);
  const bad = await cli(['vm', 'keys', 'web', 'Ctrl+C']);
  assert.equal(bad.exitCode, 2);
  assert.match(bad.stderr, /KEYS is "Ctrl\+C", which is not allowed\./u);

  const out = join(stub.data, 'web.png');
  const json = await cli(['vm', 'screenshot', 'web', '--out', out, '--json']);
  assert.deepEqual(JSON.parse(json.stdout), { file: out, bytes: 4 });
  assert.deepEqual([...(await readFile(out))], [0x89, 0x50, 0, 0xff]);
  assert.equal((await cli(['vm', 'screenshot', 'nobody', '--out', out])).exitCode, 1);
  const nowhere = await cli(['vm', 'screenshot', 'web', '--out', join(stub.data, 'none/web.png')]);
  assert.equal(nowhere.exitCode, 2);
  assert.match(nowhere.stderr, /could not be written to .*ENOENT/u);
  assert.equal((await cli(['vm', 'screenshot', 'web'])).exitCode, 2);
});

test('the console passes bytes on both ways, and ends when the input has ended and the guest is silent', async () => {
  const outcome = await cli(['console', 'web'], { input: 'echo hello\n' });
  assert.deepEqual(outcome, { exitCode: 0, stdout: 'backlog\necho hello\n', stderr: '' });
});

test('`lab run` shows each check, writes both reports, and is 0 only when every check passed', async () => {
  received.length = 0;
  const out = join(stub.data, 'reports', 'one');
  const good = await cli(['lab', 'run', '--out', out, '--lang', 'id', '--hypervisors', 'qemu,virtualbox']);
  assert.equal(good.exitCode, 0, good.stderr);
  assert.match(good.stderr, /it boots\n/u);
  assert.equal(good.stdout, `Every check passed. 1 passed, 0 failed, 0 not measured.\n${out}/report.json\n${out}/report.html\n`);
  assert.deepEqual(JSON.parse(await readFile(join(out, 'report.json'), 'utf8')), report);
  assert.equal(await readFile(join(out, 'report.html'), 'utf8'), '<!doctype html><html lang="id">');
  const bad = await cli(['lab', 'run', '--out', out, '--hypervisors', 'qemu', '--json']);
  assert.deepEqual({ ...bad, stdout: JSON.parse(bad.stdout) as unknown }, { exitCode: 1, stdout: { ...report, ok: false }, stderr: '' });
  assert.deepEqual(received, [{ lang: 'id', hypervisors: ['qemu', 'virtualbox'] }, { hypervisors: ['qemu'] }]);
});

test('`lab run` refuses bad flags and a folder that cannot be, before it begins', async () => {
  received.length = 0;
  assert.equal((await cli(['lab', 'run', '--lang', 'fr'])).exitCode, 2);
  assert.equal((await cli(['lab', 'run', '--hypervisors', 'qemu,xen'])).exitCode, 2);
  await writeFile(join(stub.data, 'file'), '');
  const outcome = await cli(['lab', 'run', '--out', join(stub.data, 'file', 'below')]);
  assert.equal(outcome.exitCode, 1);
  assert.match(outcome.stderr, /--out/u);
  assert.deepEqual(received, []);
});

test('Ctrl-C cancels the experiment, and waits until it is undone', async () => {
  const out = join(stub.data, 'reports', 'two');
  const child = spawn(process.execPath, [main, 'lab', 'run', '--out', out], { env: { ...process.env, NAKHODA_DATA: stub.data } });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString();
    if (said.includes('it boots') && !said.includes('Cancelling')) child.kill('SIGINT');
  });
  const [exitCode] = (await once(child, 'close')) as [number];
  assert.equal(exitCode, 130, said);
  assert.match(said, /Cancelling.*\n.*The task is cancelled, and what it had made is removed\./su);
});

test('`up` finds the daemon that runs, and shows a first password once', async () => {
  const ready = { pid: process.pid, url: 'https://127.0.0.1:8006', user: 'admin', password: 'abcde-fghij', fingerprint: 'AA:BB' };
  const path = join(stub.data, 'run/ready.json');
  await mkdir(join(stub.data, 'run'), { recursive: true });
  await writeFile(path, JSON.stringify(ready));
  const first = await cli(['up', '--detach']);
  assert.equal(first.exitCode, 0);
  assert.match(first.stdout, /^The daemon runs already\..*https:\/\/127\.0\.0\.1:8006.*AA:BB.*admin.*abcde-fghij/su);
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { ...ready, password: null });
  const second = await cli(['up', '--detach', '--json']);
  assert.deepEqual(
    (({ url, user, password, fingerprint }) => ({ url, user, password, fingerprint }))(JSON.parse(second.stdout) as typeof ready),
    { url: ready.url, user: 'admin', password: null, fingerprint: 'AA:BB' },
  );
});

test('`up` refuses a port that is none', async () => {
  const outcome = await cli(['up', '--port', '65536']);
  assert.equal(outcome.exitCode, 2);
  assert.match(outcome.stderr, /--port is "65536", which is too large/u);
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

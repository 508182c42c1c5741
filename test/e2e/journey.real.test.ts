import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import type { Network, Snapshot, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';

/** What a person does by hand, on a real QEMU guest, through the command line: one guest for the whole file. */
let daemon: DaemonProcess;
const show = (): Promise<Vm> => daemon.json<Vm>('vm', 'show', 'demo');
const exec = (...argv: string[]) => daemon.cli(['vm', 'exec', 'demo', '--', ...argv]);
const until = async (what: string, ask: (vm: Vm) => boolean, timeoutMs = 60_000): Promise<Vm> => {
  const vm = await waitFor(
    async () => {
      const seen = await show();
      return ask(seen) ? seen : null;
    },
    { timeoutMs, pollMs: 200 },
  );
  assert.ok(vm, `${what} within ${timeoutMs / 1000} s; the VM is ${JSON.stringify(await show())}`);
  return vm;
};
/** Commands work as soon as something in the guest answers. */
const untilGuestAnswers = async (): Promise<void> => {
  const answered = await waitFor(async () => (await exec('true')).exitCode === 0, { timeoutMs: 120_000, pollMs: 500 });
  assert.ok(answered, 'the guest answers');
};

before(async () => {
  daemon = await startDaemon({ hypervisors: 'qemu' });
});
after(async () => daemon?.[Symbol.asyncDispose]());

test('make a network and a running guest on it', async () => {
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
  await daemon.json(
    'vm',
    'create',
    'demo',
    '--hypervisor',
    'qemu',
    '--memory',
    '128',
    '--disk',
    '1',
    '--cdrom',
    'tiny',
    '--network',
    'lab',
    '--start',
  );
  const vm = await show();
  assert.equal(vm.state, 'running');
  assert.equal(vm.vmid, 100);
  assert.ok(vm.execution?.reason, 'it says how it is executed and why');
  await untilGuestAnswers();
});

test('its address is known, in the list too', async () => {
  const vm = await until('an address', ({ addresses }) => addresses.length > 0);
  assert.match(vm.addresses[0] ?? '', /^10\.77\.0\./u);
  const [listed] = await daemon.json<Vm[]>('vm', 'list');
  for (const field of ['vmid', 'name', 'node', 'hypervisor', 'state', 'cores', 'memoryMiB', 'addresses', 'uptimeSeconds'] as const) {
    assert.ok(listed && field in listed, field);
  }
  const network = await daemon.json<Network>('network', 'show', 'lab');
  assert.ok(network.addresses.some((lease) => lease.address === vm.addresses[0] && lease.vmid === 100));
});

test('exec passes output and the exit code through', async () => {
  const hello = await exec('sh', '-c', 'echo out; echo err >&2; exit 7');
  assert.deepEqual(hello, { exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
  const odd = await exec('printf', '%s|', 'a b', "it's", '$HOME', '-n', '', 'ü\n');
  assert.equal(odd.stdout, "a b|it's|$HOME|-n||ü\n|");
});

test('the console answers', async () => {
  const console = await daemon.cli(['console', 'demo'], { input: '\necho con$((40+2))sole\n', timeoutMs: 20_000 });
  assert.match(console.stdout, /con42sole/u);
});

test('a snapshot with memory takes back what came after it', async () => {
  assert.equal((await exec('sh', '-c', 'echo one >/data/marker && echo before >/run/mark && sync')).exitCode, 0);
  await daemon.json('snapshot', 'take', 'demo', 'first', '--memory', '--description', 'before the "change"');
  assert.equal(
    (await exec('sh', '-c', 'mkdir "/data/uji rollback" && echo x >"/data/uji rollback/test.txt" && echo after >/run/mark && sync'))
      .exitCode,
    0,
  );
  await daemon.json('snapshot', 'take', 'demo', 'second', '--memory');
  await daemon.json('snapshot', 'rollback', 'demo', 'first');
  assert.equal((await show()).state, 'running');
  assert.equal((await exec('cat', '/data/marker', '/run/mark')).stdout, 'one\nbefore\n');
  assert.notEqual((await exec('ls', '/data/uji rollback')).exitCode, 0);
  const tree = await daemon.json<Snapshot[]>('snapshot', 'list', 'demo');
  assert.deepEqual(
    tree.map(({ name, parent, current, description }) => ({ name, parent, current, description })),
    [
      { name: 'first', parent: null, current: true, description: 'before the "change"' },
      { name: 'second', parent: 'first', current: false, description: '' },
    ],
  );
  await daemon.json('snapshot', 'delete', 'demo', 'second');
  assert.equal((await daemon.json<Snapshot[]>('snapshot', 'list', 'demo')).length, 1);
});

test('the daemon is killed and started again: the guest has not noticed', async () => {
  const before = await show();
  const uptime = Number((await exec('cut', '-d.', '-f1', '/proc/uptime')).stdout);
  await daemon.kill();
  assert.ok(process.kill(before.pid ?? 0, 0), 'the guest runs without the daemon');
  await daemon.restart();
  const again = await show();
  assert.equal(again.state, 'running');
  assert.equal(again.pid, before.pid);
  assert.ok(Number((await exec('cut', '-d.', '-f1', '/proc/uptime')).stdout) >= uptime);
});

test('a killed hypervisor process shows as crashed, with the reason, within 2 s', async () => {
  const { pid } = await show();
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  const killed = performance.now();
  const vm = await waitFor(
    async () => {
      const [seen] = await daemon.json<Vm[]>('vm', 'list');
      return seen?.state === 'crashed' ? seen : null;
    },
    { timeoutMs: 5000, pollMs: 20 },
  );
  assert.ok(vm, 'it shows as crashed');
  assert.ok(vm.stateReason);
  // One call of the command line is part of what is measured.
  assert.ok(performance.now() - killed < 2500, `after ${Math.round(performance.now() - killed)} ms`);
});

test('it starts again with its disk, shuts down when asked, and can be destroyed', async () => {
  await daemon.json('vm', 'start', 'demo');
  await untilGuestAnswers();
  assert.equal((await exec('cat', '/data/marker')).stdout, 'one\n');
  await daemon.json('vm', 'shutdown', 'demo', '--timeout', '60');
  assert.equal((await show()).state, 'stopped');
  await daemon.json('vm', 'destroy', 'demo');
  assert.deepEqual(await daemon.json('vm', 'list'), []);
  await daemon.json('network', 'delete', 'lab');
  assert.deepEqual(await daemon.json('network', 'list'), []);
});

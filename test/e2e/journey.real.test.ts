import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import type { Network, Snapshot, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { assertHostInOrder } from '../support/host-order.ts';
import type { ProgramResult } from '../support/run-program.ts';

/** What a person does by hand, through the command line, on a real QEMU guest and a real VirtualBox guest on one network. */
let daemon: DaemonProcess;
const hypervisors = ['qemu', 'virtualbox'] as const;
/** VirtualBox's interpreter takes about a minute, much more on a machine with other work. */
const bootLimitMs = 300_000;

const show = (vm: string): Promise<Vm> => daemon.json<Vm>('vm', 'show', vm);
const exec = (vm: string, ...argv: string[]): Promise<ProgramResult> => daemon.cli(['vm', 'exec', vm, '--', ...argv]);
/** Commands work as soon as something in the guest answers. */
async function untilGuestAnswers(vm: string): Promise<void> {
  const answered = await waitFor(async () => (await exec(vm, 'true')).exitCode === 0, { timeoutMs: bootLimitMs, pollMs: 500 });
  assert.ok(answered, `the guest of ${vm} answers`);
}
async function untilAddress(vm: string): Promise<string> {
  const address = await waitFor(async () => (await show(vm)).addresses[0], { timeoutMs: 60_000, pollMs: 200 });
  return address ?? assert.fail(`${vm} has no address: ${JSON.stringify(await show(vm))}`);
}

before(async () => {
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
});
after(async () => daemon?.[Symbol.asyncDispose]());

test('make a network, and a running guest of each hypervisor on it', async (t: TestContext) => {
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
  const hardware = ['--memory', '128', '--disk', '1', '--cdrom', 'tiny', '--network', 'lab', '--start'];
  await Promise.all(
    hypervisors.map(async (hypervisor) => {
      await daemon.json('vm', 'create', hypervisor, '--hypervisor', hypervisor, ...hardware);
      const started = performance.now();
      const vm = await show(hypervisor);
      assert.equal(vm.state, 'running');
      assert.ok(vm.execution?.reason, 'it says how it is executed and why');
      await untilGuestAnswers(hypervisor);
      t.diagnostic(`${hypervisor} (${vm.execution.mode}) answers after ${Math.round((performance.now() - started) / 1000)} s`);
    }),
  );
  const vmids = (await daemon.json<Vm[]>('vm', 'list')).map((vm) => vm.vmid);
  assert.deepEqual(vmids, [100, 101]);
});

for (const vm of hypervisors) {
  test(`${vm}: its address is known, in the list too`, async () => {
    const address = await untilAddress(vm);
    assert.match(address, /^10\.77\.0\./u);
    const listed = (await daemon.json<Vm[]>('vm', 'list')).find((one) => one.name === vm);
    for (const field of ['vmid', 'name', 'node', 'hypervisor', 'state', 'cores', 'memoryMiB', 'addresses', 'uptimeSeconds'] as const) {
      assert.ok(listed && field in listed, field);
    }
    const network = await daemon.json<Network>('network', 'show', 'lab');
    assert.ok(network.addresses.some((lease) => lease.address === address && lease.vmid === listed?.vmid));
  });

  test(`${vm}: exec passes output and the exit code through`, async () => {
    const hello = await exec(vm, 'sh', '-c', 'echo out; echo err >&2; exit 7');
    assert.deepEqual(hello, { exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    const odd = await exec(vm, 'printf', '%s|', 'a b', "it's", '$HOME', '-n', '', 'ü\n');
    assert.equal(odd.stdout, "a b|it's|$HOME|-n||ü\n|");
  });

  test(`${vm}: the console answers`, async () => {
    const console = await daemon.cli(['console', vm], { input: '\necho con$((40+2))sole\n', timeoutMs: 20_000 });
    assert.match(console.stdout, /con42sole/u);
  });
}

test('guests of both reach each other', async () => {
  const [qemu, virtualbox] = [await untilAddress('qemu'), await untilAddress('virtualbox')];
  for (const [from, to] of [
    ['qemu', virtualbox],
    ['virtualbox', qemu],
  ] as const) {
    const ping = await exec(from, 'ping', '-c', '3', '-W', '10', to);
    assert.equal(ping.exitCode, 0, ping.stdout + ping.stderr);
    assert.match(ping.stdout, /3 packets transmitted, 3 packets received/u);
  }
});

for (const vm of hypervisors) {
  test(`${vm}: a snapshot with memory takes back what came after it`, async () => {
    assert.equal((await exec(vm, 'sh', '-c', 'echo one >/data/marker && echo before >/run/mark && sync')).exitCode, 0);
    await daemon.json('snapshot', 'take', vm, 'first', '--memory', '--description', 'before the "change"');
    const change = 'mkdir "/data/uji rollback" && echo x >"/data/uji rollback/test.txt" && echo after >/run/mark && sync';
    assert.equal((await exec(vm, 'sh', '-c', change)).exitCode, 0);
    const before = await show(vm);
    await daemon.json('disk', 'add', vm, '--size', '1');
    await daemon.json('nic', 'add', vm, '--network', 'lab');
    await daemon.json('vm', 'set', vm, '--memory', '160', '--notes', 'later');
    await daemon.json('snapshot', 'take', vm, 'second', '--memory');
    const [first] = await daemon.json<Snapshot[]>('snapshot', 'list', vm);
    assert.deepEqual(first?.changes?.toSorted(), ['disks.disk1', 'memoryMiB', 'nics.net1']);
    const { stdout } = await daemon.cli(['snapshot', 'rollback', vm, 'first']);
    assert.match(stdout, /memoryMiB +160 +128/u);
    const { state, pending, changedOutside, disks, nics, memoryMiB, notes } = await show(vm);
    assert.deepEqual([state, pending, changedOutside, disks, nics], ['running', [], undefined, before.disks, before.nics]);
    assert.deepEqual([memoryMiB, notes], [128, 'later'], 'the hardware goes back, the notes stay');
    await untilGuestAnswers(vm);
    assert.equal((await exec(vm, 'cat', '/data/marker', '/run/mark')).stdout, 'one\nbefore\n');
    assert.notEqual((await exec(vm, 'ls', '/data/uji rollback')).exitCode, 0);
    const tree = await daemon.json<Snapshot[]>('snapshot', 'list', vm);
    assert.deepEqual(
      tree.map(({ name, parent, current, description }) => ({ name, parent, current, description })),
      [
        { name: 'first', parent: null, current: true, description: 'before the "change"' },
        { name: 'second', parent: 'first', current: false, description: '' },
      ],
    );
    await daemon.json('snapshot', 'delete', vm, 'second');
    assert.equal((await daemon.json<Snapshot[]>('snapshot', 'list', vm)).length, 1);
  });
}

test('the daemon is killed and started again: the guests have not noticed', async () => {
  const uptime = async (vm: string): Promise<number> => Number((await exec(vm, 'cut', '-d.', '-f1', '/proc/uptime')).stdout);
  const before = await Promise.all(hypervisors.map(async (vm) => ({ vm, pid: (await show(vm)).pid, uptime: await uptime(vm) })));
  await daemon.kill();
  for (const { pid } of before) assert.ok(process.kill(pid ?? 0, 0), 'the guest runs without the daemon');
  await daemon.restart();
  for (const { vm, ...then } of before) {
    const again = await show(vm);
    assert.equal(again.state, 'running');
    assert.equal(again.pid, then.pid);
    assert.ok((await uptime(vm)) >= then.uptime);
  }
  await assertHostInOrder(daemon);
});

for (const vm of hypervisors) {
  test(`${vm}: it shuts down when asked`, async () => {
    await daemon.json('vm', 'shutdown', vm, '--timeout', '120');
    assert.equal((await show(vm)).state, 'stopped');
  });

  test(`${vm}: a killed hypervisor process shows as crashed, with the reason, within 2 s`, async () => {
    await daemon.json('vm', 'start', vm);
    const { pid } = await show(vm);
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    const killed = performance.now();
    const crashed = await waitFor(
      async () => {
        const seen = (await daemon.json<Vm[]>('vm', 'list')).find((one) => one.name === vm);
        return seen?.state === 'crashed' ? seen : null;
      },
      { timeoutMs: 5000, pollMs: 20 },
    );
    assert.ok(crashed, 'it shows as crashed');
    assert.ok(crashed.stateReason);
    // One call of the command line is part of what is measured.
    assert.ok(performance.now() - killed < 2500, `after ${Math.round(performance.now() - killed)} ms`);
  });
}

// One boot of VirtualBox's interpreter is enough for one test.
test('qemu: it starts again with its disk after the crash', async () => {
  await daemon.json('vm', 'start', 'qemu');
  await untilGuestAnswers('qemu');
  assert.equal((await exec('qemu', 'cat', '/data/marker')).stdout, 'one\n');
  await daemon.json('vm', 'stop', 'qemu');
});

test('everything can be destroyed, and nothing is left of it', async () => {
  for (const vm of hypervisors) await daemon.json('vm', 'destroy', vm);
  assert.deepEqual(await daemon.json('vm', 'list'), []);
  await daemon.json('network', 'delete', 'lab');
  assert.deepEqual(await daemon.json('network', 'list'), []);
  await assertHostInOrder(daemon);
});

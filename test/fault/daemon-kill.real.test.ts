import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, type TestContext, test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import type { Task, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { assertHostInOrder } from '../support/host-order.ts';
import { processesOf } from '../support/processes-of.ts';

/**
 * The daemon is killed in the middle of what it does with real QEMU and real VirtualBox. The guests have no system in
 * them, which none of this needs: their processors run in the firmware.
 */
let daemon: DaemonProcess;
const hypervisors = ['qemu', 'virtualbox'] as const;
type HypervisorName = (typeof hypervisors)[number];

before(async () => {
  daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
});
after(async () => daemon?.[Symbol.asyncDispose]());

const show = (name: string): Promise<Vm> => daemon.client.call('vm.show', { params: { vm: name } });
const finish = async (task: Task): Promise<Task> => daemon.client.followTask(task.id, () => undefined);
const succeed = async (task: Task): Promise<Task> => {
  const ended = await finish(task);
  assert.equal(ended.state, 'succeeded', JSON.stringify(ended.error));
  return ended;
};
const create = (name: string, hypervisor: HypervisorName, start: boolean): Promise<Task> =>
  daemon.client.call('vm.create', { body: { name, hypervisor, memoryMiB: 64, diskGiB: 1, network: 'lab', start } });
const start = (vm: string): Promise<Task> => daemon.client.call('vm.start', { params: { vm } });
const stop = (vm: string): Promise<Task> => daemon.client.call('vm.stop', { params: { vm }, body: {} });
const destroy = (vm: string): Promise<Task> => daemon.client.call('vm.destroy', { params: { vm } });
const take = (vm: string, name: string, memory = true): Promise<Task> =>
  daemon.client.call('snapshot.take', { params: { vm }, body: { name, memory } });
const rollback = (vm: string, name: string): Promise<Task> => daemon.client.call('snapshot.rollback', { params: { vm, name } });
const snapshots = async (vm: string): Promise<string[]> =>
  (await daemon.client.call('snapshot.list', { params: { vm } })).map((snapshot) => snapshot.name);

/** Milliseconds that a step of an ended task took. */
function lasted(task: Task, step: string): number {
  const { startedAt, endedAt } = task.steps.find((one) => one.name === step) ?? assert.fail(`no step ${step}`);
  return Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '');
}

const hasBegun = (task: Task, step: string): boolean => task.steps.some((one) => one.name === step && one.state !== 'pending');

/** Gives an order, kills the daemon so many milliseconds after that step has begun, starts it again, and waits for the task's end. */
async function killDuring(order: Promise<Task>, step: string, afterMs: number): Promise<Task> {
  const { id } = await order;
  for await (const line of daemon.client.stream('task.follow', { params: { task: id } })) {
    if ('task' in line && hasBegun(line.task, step)) break;
  }
  await delay(afterMs);
  await daemon.kill();
  await daemon.restart();
  return finish(await daemon.client.call('task.show', { params: { task: id } }));
}

/** Shares of a step's usual duration after which the daemon is killed. */
const moments = [0, 0.25, 0.5, 0.75] as const;
const definition = 'define the machine and its disks';

for (const hypervisor of hypervisors) {
  const vm = `${hypervisor}-vm`;
  const bystander = `${hypervisor}-bystander`;

  test(`${hypervisor}: a VM that was being made is made or gone`, async (t: TestContext) => {
    const usual = await succeed(await create(bystander, hypervisor, true));
    const { pid } = await show(bystander);
    for (const step of [definition, 'start it']) {
      for (const share of moments) {
        const afterMs = Math.round(share * lasted(usual, step));
        const task = await killDuring(create(vm, hypervisor, true), step, afterMs);
        t.diagnostic(`${step} + ${afterMs} ms: ${task.state}`);
        if (task.state === 'succeeded') {
          assert.equal((await show(vm)).state, 'running');
          await succeed(await stop(vm));
          await succeed(await destroy(vm));
        } else {
          assert.equal(task.error?.code, 'task.interrupted', JSON.stringify(task));
        }
        assert.equal((await show(bystander)).pid, pid, 'a guest that ran still runs, in the same process');
        await assertHostInOrder(daemon);
      }
    }
  });

  test(`${hypervisor}: a VM that was being started or stopped is started or stopped`, async (t: TestContext) => {
    await succeed(await create(vm, hypervisor, false));
    const usual = { start: await succeed(await start(vm)), stop: await succeed(await stop(vm)) };
    for (const share of moments) {
      const startMs = Math.round(share * lasted(usual.start, 'start it'));
      const started = await killDuring(start(vm), 'start it', startMs);
      t.diagnostic(`start + ${startMs} ms: ${started.state}`);
      assert.equal(started.state, 'succeeded', JSON.stringify(started.error));
      assert.equal((await show(vm)).state, 'running');
      await assertHostInOrder(daemon);

      const stopMs = Math.round(share * lasted(usual.stop, 'take the power away'));
      const stopped = await killDuring(stop(vm), 'take the power away', stopMs);
      t.diagnostic(`stop + ${stopMs} ms: ${stopped.state}`);
      assert.equal(stopped.state, 'succeeded', JSON.stringify(stopped.error));
      assert.equal((await show(vm)).state, 'stopped');
      await assertHostInOrder(daemon);
    }
  });

  test(`${hypervisor}: a snapshot that was being taken is whole or gone, and the guest runs on`, async (t: TestContext) => {
    await succeed(await start(vm));
    const { pid } = await show(vm);
    const usual = await succeed(await take(vm, 'base'));
    for (const share of moments) {
      const afterMs = Math.round(share * lasted(usual, 'take the snapshot'));
      const task = await killDuring(take(vm, 'next'), 'take the snapshot', afterMs);
      t.diagnostic(`take + ${afterMs} ms: ${task.state}`);
      const now = await show(vm);
      assert.equal(now.state, 'running', now.stateReason ?? '');
      assert.equal(now.pid, pid);
      assert.deepEqual(await snapshots(vm), task.state === 'succeeded' ? ['base', 'next'] : ['base']);
      // The name can be used again, whatever was left of it.
      if (task.state !== 'succeeded') await succeed(await take(vm, 'next'));
      await succeed(await daemon.client.call('snapshot.delete', { params: { vm, name: 'next' } }));
      await assertHostInOrder(daemon);
    }
  });

  test(`${hypervisor}: a snapshot with which the hypervisor goes on after the daemon's end is removed as well`, async () => {
    const { pid = 0 } = await show(vm);
    // As with a slow disk: the order is given, and carried out much later.
    process.kill(pid, 'SIGSTOP');
    let task: Task;
    try {
      task = await take(vm, 'next');
      const isOrdered = async (): Promise<boolean> =>
        hypervisor === 'virtualbox'
          ? (await processesOf(daemon.data)).some(({ argv }) => argv[0]?.endsWith('/VBoxManage') && argv.includes('take'))
          : hasBegun(await daemon.client.call('task.show', { params: { task: task.id } }), 'take the snapshot');
      assert.ok(await waitFor(isOrdered, { timeoutMs: 10_000 }));
      await daemon.kill();
      await daemon.restart();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    assert.equal((await finish(task)).error?.code, 'task.interrupted');
    assert.deepEqual(await snapshots(vm), ['base']);
    await succeed(await take(vm, 'next'));
    await succeed(await daemon.client.call('snapshot.delete', { params: { vm, name: 'next' } }));
    assert.equal((await show(vm)).pid, pid);
    await assertHostInOrder(daemon);
  });

  test(`${hypervisor}: a rollback goes on to its end`, async (t: TestContext) => {
    const usual = await succeed(await rollback(vm, 'base'));
    for (const share of moments) {
      const afterMs = Math.round(share * lasted(usual, 'roll back'));
      const task = await killDuring(rollback(vm, 'base'), 'roll back', afterMs);
      t.diagnostic(`rollback + ${afterMs} ms: ${task.state}`);
      assert.equal(task.state, 'succeeded', JSON.stringify(task.error));
      const now = await show(vm);
      assert.equal(now.state, 'running', now.stateReason ?? '');
      assert.equal(now.currentSnapshot, 'base');
      assert.deepEqual(await snapshots(vm), ['base']);
      await assertHostInOrder(daemon);
    }
  });

  test(`${hypervisor}: a VM that was being destroyed is gone`, async (t: TestContext) => {
    await succeed(await stop(vm));
    for (const afterMs of [0, 100, 300]) {
      const task = await killDuring(destroy(vm), 'delete the machine, its disks and snapshots', afterMs);
      t.diagnostic(`destroy + ${afterMs} ms: ${task.state}`);
      assert.equal(task.state, 'succeeded', JSON.stringify(task.error));
      await assert.rejects(show(vm), { code: 'vm.not-found' });
      await assertHostInOrder(daemon);
      await succeed(await create(vm, hypervisor, false));
      await succeed(await take(vm, 'base', false));
    }
  });
}

test('an experiment that was under way is removed, with its guests and network', async (t: TestContext) => {
  const before = (await daemon.client.call('vm.list', {})).map((vm) => vm.name);
  for (const afterMs of [0, 150, 600, 3000]) {
    const task = await killDuring(daemon.client.call('lab.run', { body: { hypervisors: [...hypervisors] } }), 'make the checks', afterMs);
    t.diagnostic(`make the checks + ${afterMs} ms: ${task.state}`);
    assert.equal(task.error?.code, 'task.interrupted', JSON.stringify(task));
    assert.deepEqual(
      (await daemon.client.call('vm.list', {})).map((vm) => vm.name),
      before,
    );
    assert.deepEqual(
      (await daemon.client.call('network.list')).map((network) => network.name),
      ['lab'],
    );
    await assertHostInOrder(daemon);
  }
});

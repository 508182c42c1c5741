import assert from 'node:assert/strict';
import { test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';
import { FakeFaults } from '@nakhoda/driver-fake';

import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { autostartOnce } from './autostart.ts';
import { planNewVm } from './plans.ts';

async function make(core: TestCore, name: string, options: object): Promise<number> {
  const record = await planNewVm(core.services, { name, hypervisor: 'fake', memoryMiB: 64, ...options });
  const { id } = await core.services.engine.start('vm.create', { record, start: false }, { user: 'test' });
  assert.equal((await core.services.engine.wait(id)).state, 'succeeded');
  return record.spec.vmid;
}

async function allTasksOver({ services }: TestCore): Promise<void> {
  const over = await waitFor(() => services.engine.list().every((task) => !['queued', 'running', 'unwinding'].includes(task.state)), {
    timeoutMs: 10_000,
    pollMs: 5,
  });
  assert.ok(over, 'a task does not end');
}

test('VMs that start with the host are started in order, once each time it has started; one that fails holds up no other', async () => {
  const faults = new FakeFaults();
  await using core = await openTestCore({ faults });
  const { services } = core;
  const third = await make(core, 'third', { autostart: true, startOrder: 3 });
  const first = await make(core, 'first', { autostart: true, startOrder: 1 });
  const second = await make(core, 'second', { autostart: true, startOrder: 2 });
  const other = await make(core, 'other', {});
  faults.fail('start', new NakhodaError('vm.start-failed', { message: 'It did not.', hint: 'Look.' }), { times: 1 });

  await autostartOnce(services, 'boot-1');
  await allTasksOver(core);
  const started = services.engine
    .list()
    .filter(({ kind }) => kind === 'vm.start')
    .toReversed();
  assert.deepEqual(
    started.map(({ target, state, user }) => [target, state, user]),
    [
      [`vm/${first}`, 'failed', 'autostart'],
      [`vm/${second}`, 'succeeded', 'autostart'],
      [`vm/${third}`, 'succeeded', 'autostart'],
    ],
  );
  assert.equal(services.inventory.state(other), 'stopped');

  await services.engine.wait(
    (await services.engine.start('vm.stop', { vmid: second, name: 'second', timeoutSeconds: 5 }, { user: 'test' })).id,
  );
  await autostartOnce(services, 'boot-1');
  await allTasksOver(core);
  assert.equal(services.inventory.state(second), 'stopped', 'the daemon alone was started again');
  await autostartOnce(services, 'boot-2');
  await allTasksOver(core);
  assert.equal(services.inventory.state(second), 'running');
  assert.equal(services.inventory.state(first), 'running');
});

test('a crashed VM is restarted when its policy says so, and only then', async () => {
  await using core = await openTestCore();
  const { services, driver } = core;
  const restarted = await make(core, 'restarted', { crashPolicy: 'restart' });
  const left = await make(core, 'left', {});
  for (const vmid of [restarted, left])
    await services.engine.wait((await services.engine.start('vm.start', { vmid, name: 'vm' }, { user: 'test' })).id);
  await core.begin();
  driver.crash(left);
  driver.crash(restarted);
  const restartOf = () => services.engine.list({ target: `vm/${restarted}` }).find(({ user }) => user === 'crash policy');
  const again = await waitFor(() => restartOf()?.state === 'succeeded', { timeoutMs: 5000, pollMs: 5 });
  assert.ok(again, `the restart is ${restartOf()?.state}`);
  assert.equal(services.inventory.state(restarted), 'running');
  assert.equal(services.inventory.state(left), 'crashed');
  assert.equal(services.engine.list({ target: `vm/${left}` }).length, 2, 'it was made and started, and no more');
});

test('a guest that panics is kept for a look when its policy says so; one that was killed cannot be', async () => {
  await using core = await openTestCore();
  const { services, driver } = core;
  const { inventory, engine } = services;
  const kept = await make(core, 'kept', { crashPolicy: 'pause' });
  const left = await make(core, 'left', {});
  const killed = await make(core, 'killed', { crashPolicy: 'pause' });
  const run = async (kind: string, vmid: number): Promise<string> =>
    (await engine.wait((await engine.start(kind, { vmid, name: 'vm' }, { user: 'test' })).id)).state;
  for (const vmid of [kept, left, killed]) assert.equal(await run('vm.start', vmid), 'succeeded');
  await core.begin();
  driver.crash(killed);
  for (const vmid of [left, kept]) driver.panic(vmid);
  assert.ok(await waitFor(() => inventory.state(kept) === 'paused', { timeoutMs: 5000, pollMs: 5 }), inventory.state(kept));
  const settled = () => [left, killed].every((vmid) => inventory.state(vmid) === 'crashed');
  assert.ok(await waitFor(settled, { timeoutMs: 5000, pollMs: 5 }));
  assert.match(inventory.view(inventory.byVmid(kept)!).stateReason ?? '', /panicked/u);
  assert.equal(engine.list({ target: `vm/${kept}` }).length, 2, 'no task was needed for it');
  assert.equal(await run('vm.reset', kept), 'succeeded');
  assert.equal(inventory.state(kept), 'running');
  assert.equal(inventory.view(inventory.byVmid(kept)!).stateReason, undefined);
});

test('a running VM is changed at its next start; a protected one is not destroyed', async () => {
  const faults = new FakeFaults();
  await using core = await openTestCore({ faults });
  const { services, driver } = core;
  const vmid = await make(core, 'web', { protection: true });
  const run = async (kind: string, input: object): Promise<string> => {
    const { id } = await services.engine.start(kind, { vmid, name: 'web', ...input }, { user: 'test' });
    const { state, error } = await services.engine.wait(id);
    return error?.code ?? state;
  };
  assert.equal(await run('vm.start', {}), 'succeeded');
  const before = services.inventory.byVmid(vmid)!;
  const after = { ...before, spec: { ...before.spec, memoryMiB: 96 } };
  faults.refusals.set('memoryMiB', 'The guest keeps it.');
  assert.equal(await run('vm.set', { before, after }), 'succeeded');
  const { pending } = services.inventory.view(services.inventory.byVmid(vmid)!);
  assert.deepEqual(pending, [{ field: 'memoryMiB', running: 64, wanted: 96, reason: 'The guest keeps it.' }]);
  assert.equal(driver.specOf(vmid)?.memoryMiB, 64);
  assert.equal(await run('vm.set', { before, after: { ...before, spec: { ...before.spec, cores: 2 } } }), 'store.conflict');

  assert.equal(await run('vm.stop', { timeoutSeconds: 5 }), 'succeeded');
  assert.equal(await run('vm.start', {}), 'succeeded');
  assert.equal(driver.specOf(vmid)?.memoryMiB, 96);
  assert.deepEqual(services.inventory.view(services.inventory.byVmid(vmid)!).pending, []);

  assert.equal(await run('vm.stop', { timeoutSeconds: 5 }), 'succeeded');
  assert.equal(await run('vm.destroy', {}), 'vm.protected');
  assert.equal(driver.specOf(vmid)?.memoryMiB, 96);
});

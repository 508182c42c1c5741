import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { FakeFaults } from '@nakhoda/driver-fake';
import { NakhodaError, type NetworkSpec, type Snapshot, type Task, toNakhodaError, type Vm } from '@nakhoda/schema';

import { quietContext } from '../services/hypervisors.ts';
import { openTestCore } from '../testing/test-core.ts';
import { snapshotHandlers } from './snapshot.ts';
import { vmChangeHandlers } from './vm-change.ts';
import { vmDeviceHandlers } from './vm-devices.ts';
import { vmHandlers } from './vm.ts';

const ctx = quietContext(() => undefined);

/** A core with the networks `lab` and `net`, and the VM `web` on `lab`, which runs. */
async function openWorld(options: { faults?: FakeFaults; start?: boolean } = {}) {
  const core = await openTestCore(options.faults ? { faults: options.faults } : {});
  const { services } = core;
  const handlers = { ...vmHandlers(services), ...vmChangeHandlers(services), ...vmDeviceHandlers(services), ...snapshotHandlers(services) };
  const call = async (id: keyof typeof handlers, params: object = {}, body: object = {}): Promise<unknown> => {
    const handler = handlers[id] as (request: object) => Promise<unknown>;
    return handler({ params: { vm: 'web', ...params }, body, query: {}, principal: null, requestId: 'r1' });
  };
  /** The task at its end, or the code of the refusal. */
  const order = async (id: keyof typeof handlers, params: object = {}, body: object = {}): Promise<Task | string> => {
    try {
      return await services.engine.wait(((await call(id, params, body)) as Task).id);
    } catch (thrown) {
      return toNakhodaError(thrown).code;
    }
  };
  const done = async (...[id, params, body]: Parameters<typeof order>): Promise<Task> => {
    const task = await order(id, params, body);
    assert.ok(typeof task !== 'string' && task.state === 'succeeded', `${id}: ${JSON.stringify(task)}`);
    return task;
  };
  for (const [index, name] of ['lab', 'net'].entries()) {
    const spec: NetworkSpec = {
      ...{ name, node: 'local', bridge: `nk-${name}`, cidr: `10.7${index}.0.0/24`, gateway: `10.7${index}.0.1`, dhcp: null },
      createdAt: '2026-01-01T00:00:00.000Z',
    };
    await services.engine.wait((await services.engine.start('network.create', { spec }, { user: 'test' })).id);
  }
  await done('vm.create', {}, { name: 'web', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab', start: options.start ?? true });
  const vm = (): Vm => services.inventory.view(services.inventory.resolve('web'));
  const list = async (): Promise<Snapshot[]> => (await call('snapshot.list')) as Snapshot[];
  return { core, call, order, done, vm, list, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

test('a rollback with memory brings the hardware of that day back, and nothing is pending', async () => {
  await using world = await openWorld();
  const { core, done, vm, list } = world;
  const before = vm();
  await done('snapshot.take', {}, { name: 'first', memory: true });
  assert.deepEqual((await list())[0]?.changes, []);
  await done('disk.add', {}, { sizeGiB: 2 });
  await done('nic.add', {}, { network: 'net' });
  await done('vm.set', {}, { memoryMiB: 128, cores: 2, name: 'shop', notes: 'later', tags: ['b'], protection: true });
  assert.deepEqual(core.networkHost.present(), ['100/net0', '100/net1', 'nk-lab', 'nk-net']);
  assert.equal(core.services.inventory.resolve('shop').spec.memoryMiB, 128);
  const shop = { vm: 'shop' };
  const [first] = (await world.call('snapshot.list', shop)) as Snapshot[];
  assert.deepEqual(first?.changes?.toSorted(), ['cores', 'disks.disk1', 'memoryMiB', 'nics.net1']);

  const { result } = await done('snapshot.rollback', { ...shop, name: 'first' });
  const { changes, unused } = result as { changes: { field: string }[]; unused: string[] };
  assert.deepEqual([changes.map(({ field }) => field).sort(), unused], [first.changes.toSorted(), ['disk-1.qcow2']]);
  const after = core.services.inventory.view(core.services.inventory.resolve('shop'));
  assert.deepEqual(
    [after.state, after.pending, after.memoryMiB, after.cores, after.disks, after.nics],
    [...['running', [], before.memoryMiB, before.cores, before.disks, before.nics]],
  );
  assert.deepEqual([after.name, after.notes, after.tags, after.protection], ['shop', 'later', ['b'], true]);
  assert.equal(core.driver.specOf(100)?.memoryMiB, 64);
  assert.deepEqual(core.networkHost.present(), ['100/net0', 'nk-lab', 'nk-net']);
  assert.ok((await core.imageFiles()).includes('100/disk-1.qcow2'), 'nothing is lost');
  const again = await done('disk.add', shop, { sizeGiB: 1 });
  assert.equal(again.state, 'succeeded');
  assert.ok((await core.imageFiles()).includes('100/disk-2.qcow2'), 'the kept image is not taken for the new disk');
});

test('what was pending is gone with the run, also what was pending when the snapshot was taken', async () => {
  const faults = new FakeFaults();
  await using world = await openWorld({ faults });
  const { done, vm } = world;
  faults.refusals.set('memoryMiB', 'Not while it runs.');
  await done('vm.set', {}, { memoryMiB: 128 });
  assert.equal(vm().pending.length, 1);
  await done('snapshot.take', {}, { name: 'first', memory: true });
  await done('vm.set', {}, { memoryMiB: 256 });
  await done('snapshot.rollback', { name: 'first' });
  assert.deepEqual([vm().memoryMiB, vm().pending, vm().state], [64, [], 'running']);
});

test('between snapshots with and without a disk, to and fro', async () => {
  await using world = await openWorld({ start: false });
  const { core, done, order, vm } = world;
  await done('snapshot.take', {}, { name: 'one' });
  await done('disk.add', {}, { sizeGiB: 1 });
  await done('snapshot.take', {}, { name: 'two' });
  await done('snapshot.rollback', { name: 'one' });
  assert.deepEqual(
    vm().disks.map(({ slot }) => slot),
    ['disk0'],
  );
  await done('disk.add', {}, { sizeGiB: 1 });
  assert.deepEqual(
    vm().disks.map(({ slot, volume }) => [slot, volume]),
    [
      ['disk0', 'local:images/100/disk-0.qcow2'],
      ['disk2', 'local:images/100/disk-2.qcow2'],
    ],
    'a slot that a snapshot has is not given away',
  );
  assert.equal(typeof (await order('disk.remove', { slot: 'disk2' })), 'object');
  await done('snapshot.rollback', { name: 'two' });
  assert.deepEqual(
    vm().disks.map(({ volume }) => volume),
    ['local:images/100/disk-0.qcow2', 'local:images/100/disk-1.qcow2'],
  );
  assert.deepEqual(core.driver.specOf(100)?.disks.length, 2);
});

test('refused before anything is touched: a network that is gone, an address that is taken, a CD that memory needs', async () => {
  await using world = await openWorld();
  const { core, done, order, vm } = world;
  const iso = join(core.services.config.folders.root, 'iso', 'a.iso');
  await writeFile(iso, 'CD001'.padStart(32_774, '\0').padEnd(65_536, '\0'));
  await done('vm.set', {}, { cdrom: 'local:iso/a.iso' });
  await done('snapshot.take', {}, { name: 'live', memory: true });
  await done('snapshot.take', {}, { name: 'disks' });
  const [nic] = vm().nics;
  await done('nic.remove', { slot: 'net0' });
  await done('vm.create', {}, { name: 'thief', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'net', mac: nic!.mac });
  assert.equal(await order('snapshot.rollback', { name: 'live' }), 'vm.mac-taken');
  await done('vm.destroy', { vm: 'thief' });

  const { engine } = core.services;
  await engine.wait((await engine.start('network.delete', { spec: core.services.networks.resolve('lab') }, { user: 'test' })).id);
  assert.equal(await order('snapshot.rollback', { name: 'live' }), 'network.not-found');
  assert.deepEqual([vm().state, vm().nics], ['running', []]);
  const spec = { ...core.services.networks.resolve('net'), name: 'lab', bridge: 'nk-lab', cidr: '10.79.0.0/24' };
  await engine.wait((await engine.start('network.create', { spec }, { user: 'test' })).id);

  await rm(iso);
  assert.equal(await order('snapshot.rollback', { name: 'live' }), 'storage.volume-not-found');
  assert.equal(vm().state, 'running');
  await done('snapshot.rollback', { name: 'disks' });
  assert.deepEqual([vm().state, vm().cdrom, vm().nics.length], ['stopped', null, 1]);
});

test('a rollback that the hypervisor refuses leaves the record as it was', async () => {
  const faults = new FakeFaults();
  await using world = await openWorld({ faults });
  const { core, done, order, vm } = world;
  await done('snapshot.take', {}, { name: 'first', memory: true });
  await done('nic.add', {}, { network: 'net' });
  await done('vm.set', {}, { cores: 2 });
  const before = core.services.inventory.byVmid(100);
  faults.fail('snapshots.rollback', new NakhodaError('snapshot.failed', { message: 'It did not.', hint: 'Look.' }), { times: 1 });
  const task = await order('snapshot.rollback', { name: 'first' });
  assert.equal((task as Task).error?.code, 'snapshot.failed');
  assert.deepEqual(core.services.inventory.byVmid(100), before);
  assert.deepEqual([vm().state, core.networkHost.present()], ['running', ['100/net0', '100/net1', 'nk-lab', 'nk-net']]);
});

test('plans go with their snapshots and their VM; a snapshot without one is as it always was', async () => {
  await using world = await openWorld();
  const { core, done, vm, list } = world;
  const { store } = core.services;
  const keys = async (): Promise<string[]> => (await store.list('vm-snapshots/')).map(({ key }) => key);
  await done('snapshot.take', {}, { name: 'one' });
  await done('snapshot.take', {}, { name: 'two', memory: true });
  assert.deepEqual(await keys(), ['vm-snapshots/000000100/one', 'vm-snapshots/000000100/two']);
  await done('snapshot.delete', { name: 'one' });
  assert.deepEqual(await keys(), ['vm-snapshots/000000100/two']);

  // Somebody deletes it with other tools, and takes another of that name.
  const [former] = await core.driver.snapshots.list(ctx, { vmid: 100 });
  do {
    await core.driver.snapshots.delete(ctx, { vmid: 100, name: 'two' });
    await core.driver.snapshots.take(ctx, { vmid: 100, name: 'two', description: '', memory: true });
  } while ((await core.driver.snapshots.list(ctx, { vmid: 100 }))[0]?.createdAt === former?.createdAt);
  assert.deepEqual(
    (await list()).map(({ changes }) => changes),
    [undefined],
  );
  await done('vm.set', {}, { cores: 2 });
  const { result } = await done('snapshot.rollback', { name: 'two' });
  assert.deepEqual([result, vm().cores], [{ changes: [], unused: [] }, 2]);
  await done('snapshot.delete', { name: 'two' });
  assert.deepEqual(await keys(), []);

  await done('snapshot.take', {}, { name: 'three' });
  await done('vm.stop', {}, {});
  await done('vm.destroy');
  assert.deepEqual(await keys(), []);
});

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { FakeFaults } from '@nakhoda/driver-fake';
import { NakhodaError, type Task, toNakhodaError, type UnusedDisk, type Vm } from '@nakhoda/schema';

import { openTestCore } from '../testing/test-core.ts';
import { snapshotHandlers } from './snapshot.ts';
import { vmChangeHandlers } from './vm-change.ts';
import { vmDeviceHandlers } from './vm-devices.ts';
import { vmUnusedDiskHandlers } from './vm-unused-disks.ts';
import { vmHandlers } from './vm.ts';

/** A core with the VM `web`, and a way to give it orders as the API does. */
async function openWorld(options: { faults?: FakeFaults; start?: boolean } = {}) {
  const core = await openTestCore(options.faults ? { faults: options.faults } : {});
  const { services } = core;
  const devices = { ...vmDeviceHandlers(services), ...vmUnusedDiskHandlers(services) };
  const handlers = { ...vmHandlers(services), ...vmChangeHandlers(services), ...devices, ...snapshotHandlers(services) };
  const call = async (id: keyof typeof handlers, params: object = {}, body: object = {}): Promise<unknown> => {
    const handler = handlers[id] as (request: object) => Promise<unknown>;
    return handler({ params: { vm: 'web', ...params }, body, query: {}, principal: null, requestId: 'r1' });
  };
  /** The code that the order or its task ends with; `succeeded` otherwise. */
  const order = async (...[id, params, body]: Parameters<typeof call>): Promise<string> => {
    try {
      const { state, error } = await services.engine.wait(((await call(id, params, body)) as Task).id);
      return error?.code ?? state;
    } catch (thrown) {
      return toNakhodaError(thrown).code;
    }
  };
  const unused = async (): Promise<UnusedDisk[]> => (await call('disk.unused')) as UnusedDisk[];
  const slots = async (): Promise<string[]> => (await unused()).map(({ slot }) => slot);
  const vm = (): Vm => services.inventory.view(services.inventory.resolve('web'));
  const start = options.start ?? false;
  assert.equal(await order('vm.create', {}, { name: 'web', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, start }), 'succeeded');
  const folder = join(services.config.folders.images, '100');
  return { core, call, order, unused, slots, vm, folder, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

for (const start of [false, true]) {
  test(`an image that a rollback left is listed, attached and deleted; the VM ${start ? 'runs' : 'is stopped'}`, async () => {
    await using world = await openWorld({ start });
    const { core, call, order, unused, slots, vm } = world;
    assert.equal(await order('snapshot.take', {}, { name: 'first', memory: start }), 'succeeded');
    assert.equal(await order('disk.add', {}, { sizeGiB: 2 }), 'succeeded');
    assert.deepEqual(await unused(), []);
    assert.equal(await order('snapshot.rollback', { name: 'first' }), 'succeeded');
    const left = { slot: 'unused1', volume: 'local:images/100/disk-1.qcow2', sizeGiB: 2, snapshots: [] };
    assert.deepEqual(await unused(), [left]);
    assert.deepEqual(((await call('vm.show')) as Vm).unused, [left]);

    assert.equal(await order('disk.attach', { slot: 'unused1' }, { cache: 'none' }), 'succeeded');
    const [, back] = vm().disks;
    assert.deepEqual([back?.slot, back?.volume, back?.sizeGiB, back?.cache], ['disk1', left.volume, 2, 'none']);
    assert.deepEqual([core.driver.specOf(100)?.disks.length, vm().pending, await unused()], [2, [], []]);
    assert.equal(await order('disk.attach', { slot: 'unused1' }), 'vm.device-not-found');
    assert.equal(await order('disk.delete', { slot: 'unused1' }), 'vm.device-not-found');

    assert.equal(await order('disk.remove', { slot: 'disk1' }, { keep: true }), 'succeeded');
    assert.deepEqual(await unused(), [left]);
    assert.equal(await order('vm.set', {}, { protection: true }), 'succeeded');
    assert.equal(await order('disk.delete', { slot: 'unused1' }), 'vm.protected');
    assert.equal(await order('vm.set', {}, { protection: false }), 'succeeded');
    assert.equal(await order('disk.delete', { slot: 'unused1' }), 'succeeded');
    assert.deepEqual([await slots(), await core.imageFiles()], [[], ['100', '100/disk-0.qcow2']]);
  });
}

test('an image that a snapshot has is told so, and comes back with that snapshot alone', async () => {
  await using world = await openWorld();
  const { order, unused, slots, vm } = world;
  assert.equal(await order('snapshot.take', {}, { name: 'one' }), 'succeeded');
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.equal(await order('snapshot.take', {}, { name: 'two' }), 'succeeded');
  assert.equal(await order('snapshot.rollback', { name: 'one' }), 'succeeded');
  assert.deepEqual((await unused())[0]?.snapshots, ['two']);
  assert.equal(await order('disk.attach', { slot: 'unused1' }), 'snapshot.uses-disk');
  assert.equal(await order('disk.delete', { slot: 'unused1' }), 'snapshot.uses-disk');
  assert.equal(await order('snapshot.rollback', { name: 'two' }), 'succeeded');
  assert.deepEqual([await slots(), vm().disks.length], [[], 2]);
  assert.equal(await order('snapshot.rollback', { name: 'one' }), 'succeeded');
  assert.equal(await order('snapshot.delete', { name: 'two' }), 'succeeded');
  assert.equal(await order('disk.attach', { slot: 'unused1' }), 'succeeded');
  assert.deepEqual([await slots(), vm().disks.length], [[], 2]);
});

test('an image whose attachment fails stays, and so does one whose deletion fails', async () => {
  const faults = new FakeFaults();
  await using world = await openWorld({ faults });
  const { core, order, slots } = world;
  const failure = new NakhodaError('hypervisor.failed', { message: 'It did not.', hint: 'Look.' });
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.equal(await order('disk.remove', { slot: 'disk1' }, { keep: true }), 'succeeded');
  faults.fail('define', failure, { times: 1 });
  assert.equal(await order('disk.attach', { slot: 'unused1' }), 'hypervisor.failed');
  assert.deepEqual(await slots(), ['unused1']);
  faults.fail('deleteImage', failure, { times: 1 });
  assert.equal(await order('disk.delete', { slot: 'unused1' }), 'hypervisor.failed');
  assert.deepEqual(await slots(), ['unused1']);
  assert.ok((await core.imageFiles()).includes('100/disk-1.qcow2'));
  assert.equal(await order('disk.attach', { slot: 'unused1' }), 'succeeded');
});

test('what is no image is told as such, and other files are none', async () => {
  await using world = await openWorld();
  const { order, unused, folder } = world;
  for (const name of ['disk-7.qcow2', 'disk-8.vdi', 'disk-9.qcow2.new', 'disk0.layer3.qcow2']) await writeFile(join(folder, name), 'x');
  assert.deepEqual(
    (await unused()).map(({ slot, sizeGiB }) => [slot, sizeGiB]),
    [['unused7', null]],
  );
  assert.equal(await order('disk.attach', { slot: 'unused7' }), 'storage.volume-refused');
});

test('an image that goes while its order waits is not made anew', async () => {
  await using world = await openWorld();
  const { core, call, order, folder, vm } = world;
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.equal(await order('disk.remove', { slot: 'disk1' }, { keep: true }), 'succeeded');
  const task = (await call('disk.attach', { slot: 'unused1' })) as Task;
  await rm(join(folder, 'disk-1.qcow2'));
  const { error } = await core.services.engine.wait(task.id);
  // Whichever came first: the task looked before it went, or after.
  if (error) assert.equal(error.code, 'storage.volume-not-found');
  assert.equal(vm().disks.length, error ? 1 : 2);
});

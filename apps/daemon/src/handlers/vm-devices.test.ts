import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeFaults } from '@nakhoda/driver-fake';
import { NakhodaError, type NetworkSpec, type Task, toNakhodaError, type Vm } from '@nakhoda/schema';

import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { snapshotHandlers } from './snapshot.ts';
import { vmChangeHandlers } from './vm-change.ts';
import { vmDeviceHandlers } from './vm-devices.ts';
import { vmHandlers } from './vm.ts';

const failure = new NakhodaError('hypervisor.failed', { message: 'It did not.', hint: 'Look.' });

/** A core with the networks `lab` and `net`, the VM `web` on `lab`, and a way to give it orders as the API does. */
async function openWorld(options: { start: boolean; faults?: FakeFaults }) {
  const core: TestCore = await openTestCore(options.faults ? { faults: options.faults } : {});
  const { services } = core;
  const handlers = { ...vmHandlers(services), ...vmChangeHandlers(services), ...vmDeviceHandlers(services), ...snapshotHandlers(services) };
  /** The code that the order or its task ends with; `succeeded` otherwise. */
  const order = async (id: keyof typeof handlers, params: object = {}, body: object = {}): Promise<string> => {
    const handler = handlers[id] as (request: object) => Promise<Task>;
    try {
      const task = await handler({ params: { vm: 'web', ...params }, body, query: {}, principal: null, requestId: 'r1' });
      const { state, error } = await services.engine.wait(task.id);
      return error?.code ?? state;
    } catch (thrown) {
      return toNakhodaError(thrown).code;
    }
  };
  for (const [index, name] of ['lab', 'net'].entries()) {
    const spec: NetworkSpec = {
      ...{ name, node: 'local', bridge: `nk-${name}`, cidr: `10.7${index}.0.0/24`, gateway: `10.7${index}.0.1`, dhcp: null },
      createdAt: '2026-01-01T00:00:00.000Z',
    };
    await services.engine.wait((await services.engine.start('network.create', { spec }, { user: 'test' })).id);
  }
  const create = (name: string, more: object = {}): Promise<string> =>
    order('vm.create', {}, { name, hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab', ...more });
  assert.equal(await create('web', { start: options.start }), 'succeeded');
  const vm = (): Vm => services.inventory.view(services.inventory.resolve('web'));
  const slots = () => ({
    disks: core.driver.specOf(100)?.disks.map(({ slot }) => slot),
    nics: core.driver.specOf(100)?.nics.map(({ slot }) => slot),
  });
  return { core, order, create, vm, slots, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

test('a running VM takes disks and NICs at once, and gives them back', async () => {
  await using world = await openWorld({ start: true });
  const { core, order, vm, slots } = world;
  assert.equal(await order('disk.add', {}, { sizeGiB: 2 }), 'succeeded');
  assert.equal(await order('nic.add', {}, { network: 'net' }), 'succeeded');
  assert.deepEqual(slots(), { disks: ['disk0', 'disk1'], nics: ['net0', 'net1'] });
  assert.deepEqual(core.networkHost.present(), ['100/net0', '100/net1', 'nk-lab', 'nk-net']);
  assert.equal(await order('disk.resize', { slot: 'disk1' }, { sizeGiB: 3 }), 'succeeded');
  assert.equal(await order('nic.set', { slot: 'net1' }, { linkUp: false }), 'succeeded');
  assert.deepEqual(vm().pending, []);
  assert.equal(core.driver.specOf(100)?.disks[1]?.sizeBytes, 3 * 1024 ** 3);

  assert.equal(await order('disk.remove', { slot: 'disk1' }), 'succeeded');
  assert.equal(await order('nic.remove', { slot: 'net1' }), 'succeeded');
  assert.deepEqual(slots(), { disks: ['disk0'], nics: ['net0'] });
  assert.deepEqual(core.networkHost.present(), ['100/net0', 'nk-lab', 'nk-net']);
  assert.deepEqual(await core.imageFiles(), ['100', '100/disk-0.qcow2']);
});

test('what the guest refuses is pending with its reason; its image is deleted at the next start, and not before', async () => {
  const faults = new FakeFaults();
  await using world = await openWorld({ start: true, faults });
  const { core, order, vm, slots } = world;
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  faults.refusals.set('disks.disk1', 'The guest does not let go.');
  assert.equal(await order('disk.remove', { slot: 'disk1' }), 'succeeded');
  assert.deepEqual(
    vm().pending.map(({ field, wanted, reason }) => [field, wanted, reason]),
    [['disks.disk1', null, 'The guest does not let go.']],
  );
  assert.ok((await core.imageFiles()).includes('100/disk-1.qcow2'));
  assert.equal(await order('snapshot.take', {}, { name: 'one' }), 'snapshot.uses-disk');

  assert.equal(await order('vm.revert'), 'succeeded');
  assert.deepEqual(vm().pending, []);
  assert.equal(await order('vm.stop'), 'succeeded');
  assert.equal(await order('vm.start'), 'succeeded');
  assert.ok((await core.imageFiles()).includes('100/disk-1.qcow2'), 'it was taken back');

  assert.equal(await order('disk.remove', { slot: 'disk1' }), 'succeeded');
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.deepEqual(slots().disks?.toSorted(), ['disk0', 'disk1', 'disk2'], 'not the slot that the run still has');
  assert.equal(await order('vm.stop'), 'succeeded');
  assert.equal(await order('vm.start'), 'succeeded');
  assert.deepEqual(slots().disks, ['disk0', 'disk2']);
  assert.deepEqual(await core.imageFiles(), ['100', '100/disk-0.qcow2', '100/disk-2.qcow2']);
});

test('an image is kept where that is wanted, and a new disk never gets it; one that cannot be deleted is tried again', async () => {
  const faults = new FakeFaults();
  await using world = await openWorld({ start: false, faults });
  const { core, order, vm } = world;
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.equal(await order('disk.remove', { slot: 'disk1' }, { keep: true }), 'succeeded');
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.equal(vm().disks[1]?.volume, 'local:images/100/disk-2.qcow2');
  faults.fail('deleteImage', failure, { times: 1 });
  assert.equal(await order('disk.remove', { slot: 'disk1' }), 'succeeded');
  assert.deepEqual(await core.imageFiles(), ['100', '100/disk-0.qcow2', '100/disk-1.qcow2', '100/disk-2.qcow2']);
  assert.equal(await order('vm.start'), 'succeeded');
  assert.deepEqual(await core.imageFiles(), ['100', '100/disk-0.qcow2', '100/disk-1.qcow2']);
});

test('a snapshot keeps the disks that it has, and no others', async () => {
  await using world = await openWorld({ start: false });
  const { order } = world;
  assert.equal(await order('snapshot.take', {}, { name: 'one' }), 'succeeded');
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'succeeded');
  assert.equal(await order('disk.remove', { slot: 'disk0' }), 'snapshot.uses-disk');
  assert.equal(await order('disk.resize', { slot: 'disk0' }, { sizeGiB: 2 }), 'snapshot.uses-disk');
  assert.equal(await order('disk.resize', { slot: 'disk1' }, { sizeGiB: 2 }), 'succeeded');
  assert.equal(await order('disk.remove', { slot: 'disk1' }), 'succeeded');
});

test("a NIC that cannot be plugged in leaves nothing: neither the host's side nor the record", async () => {
  const faults = new FakeFaults();
  await using world = await openWorld({ start: true, faults });
  const { core, order, vm } = world;
  faults.fail('change', failure, { times: 1 });
  assert.equal(await order('nic.add', {}, { network: 'net' }), 'hypervisor.failed');
  assert.deepEqual([vm().nics.length, core.networkHost.present()], [1, ['100/net0', 'nk-lab', 'nk-net']]);
  faults.refusals.set('nics.net1', 'There is no slot left.');
  assert.equal(await order('nic.add', {}, { network: 'net' }), 'succeeded');
  assert.deepEqual([vm().pending.length, core.networkHost.present()], [1, ['100/net0', 'nk-lab', 'nk-net']]);
});

test('a NIC moves to another network while its guest runs', async () => {
  await using world = await openWorld({ start: true });
  const { core, order, vm } = world;
  const calls: string[] = [];
  const { networkHost } = core;
  Object.assign(networkHost, {
    attach: async (_ctx: unknown, { slot, network }: { slot: string; network: NetworkSpec }) => calls.push(`+${slot}@${network.name}`),
    detach: async (_ctx: unknown, { slot, network }: { slot: string; network: NetworkSpec }) => calls.push(`-${slot}@${network.name}`),
  });
  assert.equal(await order('nic.set', { slot: 'net0' }, { network: 'net' }), 'succeeded');
  assert.deepEqual([vm().nics[0]?.network, vm().pending, calls], ['net', [], ['+net0@net']], 'a TAP is put on the other bridge');
});

test('of two VMs that want one MAC address at once, one gets it', async () => {
  await using world = await openWorld({ start: false });
  const { order, create } = world;
  const mac = '02:00:00:00:00:07';
  const outcomes = await Promise.all([create('one', { mac }), create('two', { mac }), order('nic.add', {}, { network: 'lab', mac })]);
  assert.deepEqual(outcomes.toSorted(), ['succeeded', 'vm.mac-taken', 'vm.mac-taken']);
  assert.equal(await create('three', { mac: mac.toUpperCase() }), 'vm.mac-taken');
});

test('a protected VM loses no disk, a suspended one changes none', async () => {
  await using world = await openWorld({ start: true });
  const { order } = world;
  assert.equal(await order('vm.set', {}, { protection: true }), 'succeeded');
  assert.equal(await order('disk.remove', { slot: 'disk0' }), 'vm.protected');
  assert.equal(await order('vm.suspend'), 'succeeded');
  assert.equal(await order('disk.add', {}, { sizeGiB: 1 }), 'vm.wrong-state');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { allocatePortPair } from '@nakhoda/host';
import type { NetworkSpec, Task } from '@nakhoda/schema';

import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { planNewVm } from './plans.ts';

const lab: NetworkSpec = {
  name: 'lab',
  node: 'local',
  bridge: 'nk-lab',
  cidr: '10.77.0.0/24',
  gateway: '10.77.0.1',
  dhcp: null,
  createdAt: '2026-01-01T00:00:00.000Z',
};
const user = { user: 'test' };

/** Starts a task for each network at once, and gives them when they have ended. */
async function create({ services: { engine } }: TestCore, specs: readonly NetworkSpec[]): Promise<Task[]> {
  const started = await Promise.all(specs.map((spec) => engine.start('network.create', { spec }, user)));
  return Promise.all(started.map(({ id }) => engine.wait(id)));
}
const outcomes = (tasks: readonly Task[]): (string | undefined)[] => tasks.map((task) => task.error?.code ?? task.state);

test('of two networks of one name, ordered at once, the first stays', async () => {
  await using core = await openTestCore();
  const tasks = await create(core, [lab, { ...lab, cidr: '10.78.0.0/24', gateway: '10.78.0.1' }]);
  assert.deepEqual(outcomes(tasks), ['succeeded', 'network.name-taken']);
  assert.deepEqual(core.services.networks.specs(), [lab]);
});

test('of two networks of one range, ordered at once, the second is refused', async () => {
  await using core = await openTestCore();
  const tasks = await create(core, [lab, { ...lab, name: 'other', bridge: 'nk-other', cidr: '10.77.0.0/25' }]);
  assert.deepEqual(outcomes(tasks), ['succeeded', 'network.cidr-overlap']);
  assert.deepEqual(core.networkHost.present(), ['nk-lab']);
});

test('VMs that are ordered at once get ports of their own', async () => {
  await using core = await openTestCore();
  await create(core, [lab]);
  const plan = (name: string) => planNewVm(core.services, { name, hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab' });
  const records = [await plan('one'), await plan('two')];
  core.networkHost.plan = async ({ inUse }) => {
    const used = inUse.flatMap((other) => (other.kind === 'udp-tunnel' ? [other.localPort, other.peerPort] : []));
    return { kind: 'udp-tunnel', ...(await allocatePortPair(used, { isFree: async () => true })) };
  };
  const { networks } = core.services;
  const planned = await Promise.all(records.map((record) => networks.planAttachments(record, ['udp-tunnel'])));
  const ports = planned.flatMap(({ net0 }) => (net0?.kind === 'udp-tunnel' ? [net0.localPort, net0.peerPort] : []));
  assert.deepEqual(ports, [20_000, 20_001, 20_002, 20_003]);
});

test('no VM gets onto a network that is being deleted', async () => {
  await using core = await openTestCore();
  await create(core, [lab]);
  const { engine, networks } = core.services;
  const record = await planNewVm(core.services, { name: 'late', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab' });
  const started = await Promise.all([
    engine.start('network.delete', { spec: lab }, user),
    engine.start('vm.create', { record, start: false }, user),
  ]);
  const ended = await Promise.all(started.map(({ id }) => engine.wait(id)));
  assert.deepEqual(outcomes(ended), ['succeeded', 'network.not-found']);
  assert.deepEqual(networks.specs(), []);
  assert.deepEqual(core.services.inventory.records(), []);
});

test('a VM that starts does not wait for a look at its network, unless the network is not as it was', async () => {
  await using core = await openTestCore();
  await create(core, [lab]);
  const { engine } = core.services;
  const { networkHost } = core;
  const record = await planNewVm(core.services, { name: 'demo', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab' });
  const { vmid } = record.spec;
  assert.deepEqual(outcomes([await engine.wait((await engine.start('vm.create', { record, start: false }, user)).id)]), ['succeeded']);

  const calls: string[] = [];
  const { ensure, attach } = networkHost;
  networkHost.ensure = (...args) => {
    calls.push('ensure');
    return ensure(...args);
  };
  networkHost.attach = (...args) => {
    calls.push('attach');
    // As the kernel says it when somebody deleted the bridge.
    return networkHost.present().includes(lab.bridge) ? attach(...args) : Promise.reject(new Error('Cannot find device'));
  };
  const order = async (kind: string): Promise<string[]> => {
    calls.length = 0;
    const { id } = await engine.start(kind, { vmid, name: 'demo', timeoutSeconds: 5 }, user);
    assert.deepEqual(outcomes([await engine.wait(id)]), ['succeeded']);
    return calls;
  };
  assert.deepEqual(await order('vm.start'), ['attach']);
  await order('vm.stop');
  await networkHost.remove({ signal: new AbortController().signal, log: () => undefined, progress: () => undefined }, lab);
  assert.deepEqual(await order('vm.start'), ['attach', 'ensure', 'attach']);
  assert.deepEqual(networkHost.present(), [`${vmid}/net0`, 'nk-lab']);
});

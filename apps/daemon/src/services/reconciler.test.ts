import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeFaults } from '@nakhoda/driver-fake';
import { waitFor } from '@nakhoda/host';
import type { NetworkSpec } from '@nakhoda/schema';

import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { createReconciler } from './reconciler.ts';
import { planNewVm } from './plans.ts';

const network: NetworkSpec = {
  name: 'lab',
  node: 'local',
  bridge: 'nk-lab',
  cidr: '10.77.0.0/24',
  gateway: '10.77.0.1',
  dhcp: null,
  createdAt: '2026-01-01T00:00:00.000Z',
};

async function run(core: TestCore, kind: string, input: object): Promise<void> {
  await (
    await begin(core, kind, input)
  ).ended;
}

/** Returns when the task's first step that works on the host has begun. */
async function begin({ services: { engine } }: TestCore, kind: string, input: object): Promise<{ ended: Promise<void> }> {
  const { id } = await engine.start(kind, input, { user: 'test' });
  await waitFor(() => engine.get(id).steps[1]?.state !== 'pending', { timeoutMs: 5000, pollMs: 1 });
  const end = async (): Promise<void> => {
    const ended = await engine.wait(id);
    assert.equal(ended.state, 'succeeded', JSON.stringify(ended.error));
  };
  return { ended: end() };
}

async function makeVm(core: TestCore, name: string, start: boolean): Promise<number> {
  const record = await planNewVm(core.services, { name, hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab' });
  await run(core, 'vm.create', { record, start });
  return record.spec.vmid;
}

/** Holds the next call of one of the host's operations until `open` is called. */
function gate(core: TestCore, operation: 'ensure' | 'detach'): { entered: Promise<void>; open(): void } {
  const entered = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const { networkHost } = core;
  const original = networkHost[operation];
  networkHost[operation] = async (...args: Parameters<typeof original>) => {
    networkHost[operation] = original as never;
    entered.resolve();
    await opened.promise;
    return (original as (...all: typeof args) => Promise<void>)(...args);
  };
  return { entered: entered.promise, open: () => opened.resolve() };
}

test('a VM that is started while the reconciler takes its NICs off has them in the end', async () => {
  await using core = await openTestCore();
  await run(core, 'network.create', { spec: network });
  const vmid = await makeVm(core, 'demo', false);
  const held = gate(core, 'detach');
  const round = createReconciler(core.services).round();
  await held.entered;
  const { ended } = await begin(core, 'vm.start', { vmid, name: 'demo' });
  held.open();
  await Promise.all([round, ended]);
  assert.deepEqual(core.networkHost.present(), [`${vmid}/net0`, 'nk-lab']);
});

test('a network that is deleted while the reconciler repairs it is gone in the end', async () => {
  await using core = await openTestCore();
  await run(core, 'network.create', { spec: network });
  const held = gate(core, 'ensure');
  const round = createReconciler(core.services).round();
  await held.entered;
  const { ended } = await begin(core, 'network.delete', { spec: network });
  held.open();
  await Promise.all([round, ended]);
  assert.deepEqual(core.networkHost.present(), []);
});

test('a guest that does not answer does not keep another VM from being shown as crashed', { timeout: 20_000 }, async () => {
  const faults = new FakeFaults();
  await using core = await openTestCore({ faults });
  await run(core, 'network.create', { spec: network });
  const [silent, other] = [await makeVm(core, 'silent', true), await makeVm(core, 'other', true)];
  faults.hang('guest.addresses');
  const stop = new AbortController();
  const running = createReconciler(core.services).run(stop.signal);
  core.driver.crash(silent);
  core.driver.crash(other);
  const { inventory } = core.services;
  assert.ok(await waitFor(() => inventory.state(other) === 'crashed', { timeoutMs: 2000, pollMs: 10 }));
  stop.abort();
  await running;
});

test('a host that takes its time with one VM does not keep the change of another from being shown', { timeout: 20_000 }, async () => {
  await using core = await openTestCore();
  await run(core, 'network.create', { spec: network });
  const [slow, other] = [await makeVm(core, 'slow', true), await makeVm(core, 'other', true)];
  const held = gate(core, 'detach');
  const stop = new AbortController();
  const running = createReconciler(core.services).run(stop.signal);
  core.driver.crash(slow);
  await held.entered;
  core.driver.crash(other);
  const { inventory } = core.services;
  assert.ok(await waitFor(() => inventory.state(other) === 'crashed', { timeoutMs: 1000, pollMs: 5 }));
  held.open();
  assert.ok(await waitFor(() => core.networkHost.present().join() === 'nk-lab', { timeoutMs: 2000, pollMs: 5 }));
  stop.abort();
  await running;
});

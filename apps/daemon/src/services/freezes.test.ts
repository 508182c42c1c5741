import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeFaults } from '@nakhoda/driver-fake';
import { waitFor } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { createFreezes, type Freezes } from './freezes.ts';
import { quietContext } from './hypervisors.ts';
import { planNewVm } from './plans.ts';

async function runningVm(core: TestCore): Promise<number> {
  const record = await planNewVm(core.services, { name: 'web', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1 });
  const { engine } = core.services;
  const { id } = await engine.start('vm.create', { record, start: true }, { user: 'test' });
  assert.equal((await engine.wait(id)).state, 'succeeded');
  return record.spec.vmid;
}

async function bench(faults = new FakeFaults()) {
  const core = await openTestCore({ faults });
  const vmid = await runningVm(core);
  const make = (): Freezes => createFreezes({ ...core.services, firstPauseMs: 10 });
  const isFrozen = async (): Promise<boolean> =>
    (
      await core.driver.guest.facts(
        quietContext(() => undefined),
        { vmid },
      )
    ).frozen === true;
  const records = async (): Promise<number> => (await core.services.store.list('freezes/')).length;
  const settled = async (): Promise<boolean> => !(await isFrozen()) && (await records()) === 0;
  return { core, vmid, make, isFrozen, records, settled, faults, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

const silent = new NakhodaError('guest.no-agent', { message: 'silent', hint: 'wait' });
const late = new NakhodaError('guest.timeout', { message: 'late', hint: 'wait' });
const soon = { timeoutMs: 5_000, pollMs: 5 };

test('frozen until it is thawed, with a record as long', async () => {
  await using it = await bench();
  const freezes = it.make();
  const { frozen, fileSystems } = await freezes.freeze(it.vmid, 60);
  assert.deepEqual({ frozen, fileSystems }, { frozen: true, fileSystems: 1 });
  assert.equal(await it.isFrozen(), true);
  assert.equal(await it.records(), 1);
  assert.deepEqual(await freezes.thaw(it.vmid), { frozen: false, fileSystems: 1, thawBy: null });
  assert.ok(await it.settled());
  await freezes.close();
});

test('a guest that everybody forgot is thawed after its limit', async () => {
  await using it = await bench();
  const freezes = it.make();
  await freezes.freeze(it.vmid, 0.05);
  assert.ok(await waitFor(it.settled, soon));
});

test('a thaw that fails is tried again', async () => {
  await using it = await bench();
  const freezes = it.make();
  await freezes.freeze(it.vmid, 60);
  it.faults.fail('guest.thaw', silent, { times: 3 });
  await assert.rejects(freezes.thaw(it.vmid), { code: 'guest.no-agent' });
  assert.ok(await waitFor(it.settled, soon));
});

test('a freeze without answer may have frozen the guest, so it is thawed', async () => {
  await using it = await bench();
  const freezes = it.make();
  await it.core.driver.guest.freeze(
    quietContext(() => undefined),
    { vmid: it.vmid },
  );
  it.faults.fail('guest.freeze', late, { times: 1 });
  await assert.rejects(freezes.freeze(it.vmid, 60), { code: 'guest.timeout' });
  assert.ok(await waitFor(it.settled, soon));
});

test('a freeze that reached nobody leaves nothing', async () => {
  await using it = await bench();
  const freezes = it.make();
  it.faults.fail('guest.freeze', silent, { times: 1 });
  await assert.rejects(freezes.freeze(it.vmid, 60), { code: 'guest.no-agent' });
  assert.equal(await it.records(), 0);
});

test('the next daemon thaws what a killed one left frozen', async () => {
  await using it = await bench();
  await it.make().freeze(it.vmid, 600);
  await it.make().recover();
  assert.ok(await waitFor(it.settled, soon));
});

test('a daemon that stops in order thaws first', async () => {
  await using it = await bench();
  const freezes = it.make();
  await freezes.freeze(it.vmid, 600);
  await freezes.close();
  assert.ok(await it.settled());
  await assert.rejects(freezes.freeze(it.vmid, 60), { code: 'guest.refused' });
});

test('a guest that is switched off is thawed by that', async () => {
  await using it = await bench();
  const freezes = it.make();
  await freezes.freeze(it.vmid, 0.05);
  it.faults.fail('guest.thaw', silent);
  const { engine } = it.core.services;
  const { id } = await engine.start('vm.stop', { vmid: it.vmid, name: 'web', timeoutSeconds: 5 }, { user: 'test' });
  assert.equal((await engine.wait(id)).state, 'succeeded');
  assert.ok(await waitFor(async () => (await it.records()) === 0, soon));
});

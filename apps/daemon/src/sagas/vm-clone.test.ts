import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type ErrorBody, fromErrorBody } from '@nakhoda/schema';

import { snapshotHandlers } from '../handlers/snapshot.ts';
import { vmChangeHandlers } from '../handlers/vm-change.ts';
import { vmCloneHandlers } from '../handlers/vm-clone.ts';
import { vmHandlers } from '../handlers/vm.ts';
import { planNewClone } from '../services/clones.ts';
import { openTestCore } from '../testing/test-core.ts';

/** A core, and orders to it as the API gives them: each resolves when its task has ended. */
async function open() {
  const core = await openTestCore();
  const { services } = core;
  const handlers = {
    ...vmHandlers(services),
    ...vmChangeHandlers(services),
    ...vmCloneHandlers(services),
    ...snapshotHandlers(services),
  };
  const order = async (id: keyof typeof handlers, params: object, body: object = {}): Promise<void> => {
    const handler = handlers[id] as (request: object) => Promise<{ id: string }>;
    const task = await handler({ params, body, query: {}, principal: { user: 'test' }, requestId: 'r' });
    const ended = await services.engine.wait(task.id);
    if (ended.error) throw fromErrorBody(ended.error as ErrorBody);
  };
  const spec = (name: string) => services.inventory.resolve(name).spec;
  await order('vm.create', {}, { name: 'web', hypervisor: 'fake', notes: '# web' });
  return { core, order, spec, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

test('a linked clone of a snapshot keeps that snapshot, its parents and its VM from being deleted, until it is gone', async () => {
  await using world = await open();
  const { order, spec } = world;
  for (const name of ['one', 'two', 'three']) await order('snapshot.take', { vm: 'web' }, { name });
  await assert.rejects(order('vm.clone', { vm: 'web' }, { name: 'copy', linked: true }), { code: 'vm.wrong-state' });
  await assert.rejects(order('vm.clone', { vm: 'web' }, { name: 'copy', snapshot: 'none' }), { code: 'snapshot.not-found' });
  await order('vm.clone', { vm: 'web' }, { name: 'copy', snapshot: 'two', linked: true, start: true });
  assert.deepEqual(spec('copy').linkedTo, { vmid: 100, snapshot: 'two' });
  assert.equal(spec('copy').notes, '# web');
  assert.notEqual(spec('copy').uuid, spec('web').uuid);
  assert.equal(world.core.services.inventory.state(101), 'running');
  await assert.rejects(order('vm.destroy', { vm: 'web' }), { code: 'vm.has-clones', message: /copy/u });
  for (const name of ['one', 'two']) {
    await assert.rejects(order('snapshot.delete', { vm: 'web', name }), { code: 'vm.has-clones' });
  }
  await order('snapshot.delete', { vm: 'web', name: 'three' });
  await order('vm.stop', { vm: 'copy' });
  await order('vm.destroy', { vm: 'copy' });
  await order('snapshot.delete', { vm: 'web', name: 'two' });
  await order('vm.destroy', { vm: 'web' });
});

test('a template does not start, has linked clones by default, and is one for as long as they are there', async () => {
  await using world = await open();
  const { order, spec } = world;
  await order('vm.start', { vm: 'web' });
  await assert.rejects(order('vm.set', { vm: 'web' }, { template: true }), { code: 'vm.wrong-state', message: /runs/u });
  await order('vm.stop', { vm: 'web' });
  await order('vm.set', { vm: 'web' }, { template: true });
  assert.equal(world.core.services.inventory.view(world.core.services.inventory.resolve('web')).actions['start']?.allowed, false);
  await assert.rejects(order('vm.start', { vm: 'web' }), { code: 'vm.is-template' });
  await assert.rejects(order('snapshot.take', { vm: 'web' }, { name: 'one' }), { code: 'vm.is-template' });
  await order('vm.clone', { vm: 'web' }, { name: 'linked' });
  await order('vm.clone', { vm: 'web' }, { name: 'whole', linked: false });
  assert.deepEqual([spec('linked').linkedTo, spec('whole').linkedTo], [{ vmid: 100, snapshot: null }, null]);
  assert.equal(spec('linked').template, false);
  await assert.rejects(order('vm.set', { vm: 'web' }, { template: false }), { code: 'vm.has-clones' });
  await order('vm.set', { vm: 'web' }, { notes: 'still a template' });
  await order('vm.destroy', { vm: 'linked' });
  const { services } = world.core;
  const late = await planNewClone(services, services.inventory.resolve('web'), { name: 'late' });
  await order('vm.set', { vm: 'web' }, { template: false });
  // Its turn comes when the VM is no template any more.
  const { id } = await services.engine.start('vm.clone', { ...late, start: false }, { user: 'test' });
  assert.equal((await services.engine.wait(id)).error?.code, 'vm.wrong-state');
  assert.deepEqual(
    services.inventory.records().map(({ spec: { name } }) => name),
    ['web', 'whole'],
  );
  await order('vm.start', { vm: 'web' });
});

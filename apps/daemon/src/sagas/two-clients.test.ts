import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeFaults, type FakeCall } from '@nakhoda/driver-fake';
import { hasEnded, type NetworkSpec, type RollbackResult, type Task, toNakhodaError } from '@nakhoda/schema';
import fc from 'fast-check';

import { snapshotHandlers } from '../handlers/snapshot.ts';
import { vmChangeHandlers } from '../handlers/vm-change.ts';
import { vmDeviceHandlers } from '../handlers/vm-devices.ts';
import { vmHandlers } from '../handlers/vm.ts';
import type { HandlerRequest } from '../http/handlers.ts';
import { quietContext } from '../services/hypervisors.ts';
import { planNewVm } from '../services/plans.ts';
import { imageFile, runningPlan, toMachineSpec, vmKey } from '../services/vm-record.ts';
import { openTestCore, type TestCore } from '../testing/test-core.ts';

const vmid = 100;
const lab: NetworkSpec = {
  ...{ name: 'lab', node: 'local', bridge: 'nk-lab', cidr: '10.77.0.0/24', gateway: '10.77.0.1', dhcp: null },
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** Every order that a client gives, by its endpoint, with its fields. */
const order = fc.oneof(
  fc.constantFrom('vm.start', 'vm.stop', 'vm.pause', 'vm.resume', 'vm.revert', 'vm.destroy').map((id) => ({ id, params: {}, body: {} })),
  fc
    .record(
      { cores: fc.integer({ min: 1, max: 3 }), sockets: fc.integer({ min: 1, max: 2 }), notes: fc.constantFrom('', 'x') },
      { requiredKeys: [] },
    )
    .map((body) => ({ id: 'vm.set', params: {}, body })),
  fc.constant({ id: 'disk.add', params: {}, body: { sizeGiB: 1 } }),
  fc.constantFrom('disk0', 'disk1', 'disk2').map((slot) => ({ id: 'disk.remove', params: { slot }, body: {} })),
  fc
    .record({ slot: fc.constantFrom('disk0', 'disk1'), sizeGiB: fc.integer({ min: 1, max: 3 }) })
    .map(({ slot, sizeGiB }) => ({ id: 'disk.resize', params: { slot }, body: { sizeGiB } })),
  fc.constant({ id: 'nic.add', params: {}, body: { network: 'lab' } }),
  fc.constantFrom('net0', 'net1').map((slot) => ({ id: 'nic.remove', params: { slot }, body: {} })),
  fc.constantFrom('one', 'two').map((name) => ({ id: 'snapshot.take', params: {}, body: { name } })),
  fc.constantFrom('one', 'two').map((name) => ({ id: 'snapshot.delete', params: { name }, body: {} })),
  fc.constantFrom('one', 'two').map((name) => ({ id: 'snapshot.rollback', params: { name }, body: {} })),
);
type Order = typeof order extends fc.Arbitrary<infer T> ? T : never;

/** What an order may be refused with, or its task may end with. Anything else is a defect. */
const known = new Set([
  ...['vm.not-found', 'vm.wrong-state', 'vm.spec-invalid', 'vm.device-not-found', 'store.conflict'],
  ...['snapshot.name-taken', 'snapshot.not-found', 'snapshot.uses-disk'],
]);

/** Lets the scheduler say when each call of the driver goes on. */
class ScheduledCalls extends FakeFaults {
  scheduler: fc.Scheduler | null = null;
  override async meet(call: FakeCall, signal: AbortSignal): Promise<void> {
    await this.scheduler?.schedule(Promise.resolve(), call);
    await super.meet(call, signal);
  }
}

async function makeVm(core: TestCore): Promise<void> {
  const { engine } = core.services;
  const run = async (kind: string, input: object): Promise<void> => {
    const { id } = await engine.start(kind, input, { user: 'test' });
    assert.equal((await engine.wait(id)).state, 'succeeded');
  };
  await run('network.create', { spec: lab });
  const record = await planNewVm(core.services, { name: 'web', hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, network: 'lab' });
  await run('vm.create', { record, start: false });
}

/** Gives an order by its handler and waits for its task. @returns the code of the refusal, or null */
async function give(core: TestCore, { id, params, body }: Order): Promise<string | null> {
  const { services } = core;
  const handlers = { ...vmHandlers(services), ...vmChangeHandlers(services), ...vmDeviceHandlers(services), ...snapshotHandlers(services) };
  const handler = handlers[id as keyof typeof handlers] as (request: unknown) => Promise<Task>;
  const request: Partial<HandlerRequest<'vm.start'>> = { params: { vm: 'web', ...params }, principal: null, requestId: 'r1' };
  try {
    const task = await handler({ ...request, body, query: {}, signal: new AbortController().signal });
    const ended = await services.engine.wait(task.id);
    assert.notEqual(ended.state, 'stuck', JSON.stringify(ended));
    return ended.error?.code ?? null;
  } catch (thrown) {
    return toNakhodaError(thrown).code;
  }
}

/** Record, machine, folders and the host's side of the NICs tell the same. */
async function agree(core: TestCore): Promise<void> {
  const { inventory, store, engine, config } = core.services;
  for (const task of engine.list()) assert.ok(hasEnded(task), `${task.title} is ${task.state}`);
  const record = inventory.byVmid(vmid);
  assert.deepEqual((await store.get(vmKey(vmid)))?.value, record && JSON.parse(JSON.stringify(record)), 'what is stored');
  const files = (await core.imageFiles()).filter((file) => file !== String(vmid));
  if (!record) {
    assert.equal(core.driver.specOf(vmid), undefined, 'the machine is there still');
    assert.deepEqual([files, core.networkHost.present()], [[], ['nk-lab']], 'something of the VM is left');
    return;
  }
  const running = runningPlan(record);
  const expected = toMachineSpec(running, config.folders);
  const actual = core.driver.specOf(vmid);
  const bySlot = (spec: typeof expected): unknown => ({
    ...spec,
    disks: spec.disks.toSorted((a, b) => a.slot.localeCompare(b.slot)),
    nics: spec.nics.toSorted((a, b) => a.slot.localeCompare(b.slot)),
  });
  assert.deepEqual(actual && bySlot(actual), bySlot(expected), 'the machine');
  // What a rollback left is told by its task.
  const unused = engine
    .list()
    .flatMap(({ kind, result }) => (kind === 'snapshot.rollback' ? ((result as RollbackResult | null)?.unused ?? []) : []));
  const images = running.spec.disks.map(({ volume }) => imageFile(volume));
  const left = files.map((file) => file.slice(`${vmid}/`.length)).filter((file) => !images.includes(file));
  assert.deepEqual(
    [images.filter((file) => !files.includes(`${vmid}/${file}`)), left.filter((file) => !unused.includes(file))],
    [[], []],
    'the images',
  );
  const { snapshots } = core.driver;
  const names = (
    await snapshots.list(
      quietContext(() => undefined),
      { vmid },
    )
  ).map(({ name }) => name);
  const plans = (await store.list('vm-snapshots/')).map(({ key }) => key.split('/').at(-1));
  assert.deepEqual(new Set(plans), new Set<string | undefined>(names), 'what was kept with the snapshots');
  const isAlive = ['running', 'paused'].includes(inventory.state(vmid));
  const nics = isAlive ? running.spec.nics.map(({ slot }) => `${vmid}/${slot}`) : [];
  assert.deepEqual(core.networkHost.present(), [...nics, 'nk-lab'].sort(), "the host's side of its NICs");
}

test('two clients act on one VM at once, in 100 interleavings: record, machine and folders agree in the end', async () => {
  const clients = fc.tuple(fc.array(order, { minLength: 1, maxLength: 5 }), fc.array(order, { minLength: 1, maxLength: 5 }));
  const refused = fc.subarray(['disks.disk1', 'disks.disk2', 'disks.disk0.sizeBytes', 'nics.net0', 'nics.net1', 'cores']);
  const outcomes = new Map<string | null, number>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), clients, refused, fc.boolean(), async (scheduler, [one, other], fields, runs) => {
      const faults = new ScheduledCalls();
      await using core = await openTestCore({ faults });
      await makeVm(core);
      if (runs) await give(core, { id: 'vm.start', params: {}, body: {} });
      for (const field of fields) faults.refusals.set(field, 'The guest does not let go.');
      faults.scheduler = scheduler;
      const client = async (orders: Order[], name: string): Promise<void> => {
        for (const one of orders) {
          await scheduler.schedule(Promise.resolve(), `${name}: ${one.id}`);
          const code = await give(core, one);
          assert.ok(code === null || known.has(code), `${one.id} ended with ${code}`);
          outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
        }
      };
      await scheduler.waitFor(Promise.all([client(one, 'one'), client(other, 'other')]));
      faults.scheduler = null;
      await agree(core);
    }),
    { numRuns: 100, seed: 20_261_124 },
  );
  assert.ok((outcomes.get(null) ?? 0) > 100, `too few orders were carried out: ${JSON.stringify([...outcomes])}`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, fixedHardware } from '@nakhoda/driver';
import type { NetworkSpec } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';
import { checkSaga } from '@nakhoda/tasks/testing';

import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import { defaultOptions } from '../services/vm-defaults.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { networkCreateSaga, networkDeleteSaga } from './network.ts';
import { snapshotDeleteSaga, snapshotRollbackSaga, snapshotTakeSaga } from './snapshot.ts';
import { vmCreateSaga } from './vm-create.ts';
import { type VmOrder, vmOrderSaga } from './vm-order.ts';
import { vmDestroySaga, vmStartSaga, vmStopSaga } from './vm-power.ts';
import { vmRevertSaga, vmSetSaga } from './vm-set.ts';

/**
 * Every saga with a fault at every place: each step fails before and after its work, each undo fails once, the daemon
 * dies between any two, everything is done twice. On the fake driver: the engine and the sagas are what is tried.
 */
const network: NetworkSpec = {
  name: 'lab',
  node: 'local',
  bridge: 'nk-lab',
  cidr: '10.77.0.0/24',
  gateway: '10.77.0.1',
  dhcp: null,
  createdAt: '2026-01-01T00:00:00.000Z',
};
const record: VmRecord = {
  spec: {
    vmid: 100,
    name: 'demo',
    uuid: '11111111-2222-4333-8444-555555555555',
    node: 'local',
    hypervisor: 'fake',
    cores: 1,
    memoryMiB: 128,
    ...defaultHardware(fixedHardware),
    ...defaultOptions,
    disks: [{ slot: 'disk0', volume: 'local:images/100/disk-0.qcow2', format: 'qcow2', sizeGiB: 1, ...defaultDisk(fixedHardware) }],
    cdrom: null,
    nics: [{ slot: 'net0', network: 'lab', mac: '02:4e:4b:00:00:01', ...defaultNic(fixedHardware) }],
    createdAt: '2026-01-01T00:00:00.000Z',
  },
  attachments: { net0: { kind: 'none' } },
  cdromPath: null,
};
const target = { vmid: 100, name: 'demo' };

type Prepare = 'nothing' | 'network' | 'stopped' | 'running' | 'paused' | 'suspended' | 'pending' | 'snapshot';

const larger = {
  spec: { ...record.spec, name: 'other', memoryMiB: 256, notes: 'grown' },
  attachments: record.attachments,
  cdromPath: null,
};

/** Brings a fresh core to where the saga under test begins, by the sagas themselves. */
async function prepare(core: TestCore, level: Prepare): Promise<void> {
  const { engine } = core.services;
  const run = async (kind: string, input: object): Promise<void> => {
    const { id } = await engine.start(kind, input, { user: 'test' });
    const ended = await engine.wait(id);
    assert.equal(ended.state, 'succeeded', JSON.stringify(ended.error));
  };
  if (level === 'nothing') return;
  await run('network.create', { spec: network });
  if (level === 'network') return;
  await run('vm.create', { record, start: level !== 'stopped' });
  if (level === 'paused') await run('vm.pause', target);
  if (level === 'suspended') await run('vm.suspend', target);
  if (level === 'pending') await run('vm.set', { ...target, before: record, after: larger });
  if (level === 'snapshot') await run('snapshot.take', { ...target, snapshot: 'first', description: '', memory: true });
}

async function world(core: TestCore): Promise<object> {
  const { inventory, networks, store } = core.services;
  const ctx = quietContext(() => undefined);
  return {
    records: inventory.records().map(({ spec, active }) => [spec, active?.spec]),
    states: inventory.records().map(({ spec }) => inventory.state(spec.vmid)),
    keys: (await store.list('')).map((entry) => entry.key),
    networks: networks.specs().map((spec) => spec.name),
    host: core.networkHost.present(),
    machines: (await core.driver.list(ctx)).map(({ vmid, state, suspended }) => ({ vmid, state, suspended })),
    memory: core.driver.specOf(100)?.memoryMiB,
    snapshots: (await core.driver.snapshots?.list(ctx, { vmid: 100 }).catch(() => []))?.map((one) => one.name),
    files: await core.imageFiles(),
  };
}

interface Case {
  make(services: Services): unknown;
  input: object;
  level: Prepare;
  pointOfNoReturn?: string;
}

const cases: Record<string, Case> = {
  'network.create': { make: networkCreateSaga, input: { spec: network }, level: 'nothing' },
  'network.delete': {
    make: networkDeleteSaga,
    input: { spec: network },
    level: 'network',
    pointOfNoReturn: 'take down the bridge and its DHCP server',
  },
  'vm.create': { make: vmCreateSaga, input: { record, start: false }, level: 'network' },
  'vm.create with start': { make: vmCreateSaga, input: { record, start: true }, level: 'network' },
  'vm.start': { make: vmStartSaga, input: target, level: 'stopped' },
  'vm.stop': {
    make: (services) => vmStopSaga(services, 'poweroff'),
    input: { ...target, timeoutSeconds: 5 },
    level: 'running',
    pointOfNoReturn: 'take the power away',
  },
  'vm.shutdown': {
    make: (services) => vmStopSaga(services, 'shutdown'),
    input: { ...target, timeoutSeconds: 5 },
    level: 'running',
    pointOfNoReturn: 'ask the guest, and wait for it',
  },
  'vm.destroy': {
    make: vmDestroySaga,
    input: target,
    level: 'stopped',
    pointOfNoReturn: 'delete the machine, its disks and snapshots',
  },
  'snapshot.take': { make: snapshotTakeSaga, input: { ...target, snapshot: 'first', description: '', memory: true }, level: 'running' },
  'snapshot.rollback': {
    make: snapshotRollbackSaga,
    input: { ...target, snapshot: 'first' },
    level: 'snapshot',
    pointOfNoReturn: 'roll back',
  },
  'snapshot.delete': {
    make: snapshotDeleteSaga,
    input: { ...target, snapshot: 'first' },
    level: 'snapshot',
    pointOfNoReturn: 'delete the snapshot',
  },
};

const order = (name: VmOrder, level: Prepare): Case => ({
  make: (services) => vmOrderSaga(services, name),
  input: target,
  level,
  pointOfNoReturn: name,
});
Object.assign(cases, {
  'vm.pause': order('pause', 'running'),
  'vm.resume': order('resume', 'paused'),
  'vm.reset': order('reset', 'running'),
  'vm.suspend': order('suspend', 'running'),
  'vm.discard': order('discard', 'suspended'),
  'vm.start of a suspended VM': { make: vmStartSaga, input: target, level: 'suspended' },
  'vm.set of a stopped VM': { make: vmSetSaga, input: { ...target, before: record, after: larger }, level: 'stopped' },
  'vm.set of a running VM': { make: vmSetSaga, input: { ...target, before: record, after: larger }, level: 'running' },
  'vm.revert': {
    make: vmRevertSaga,
    input: { ...target, before: { ...larger, active: { spec: record.spec, attachments: record.attachments, cdromPath: null } } },
    level: 'pending',
  },
});

for (const [name, { make, input, level, pointOfNoReturn }] of Object.entries(cases)) {
  test(`${name} survives every fault`, async () => {
    const played = await checkSaga({
      async makeWorld() {
        const core = await openTestCore();
        await prepare(core, level);
        return {
          kind: make(core.services) as TaskKind<object, object, unknown>,
          input,
          snapshotWorld: () => world(core),
          close: () => core[Symbol.asyncDispose](),
        };
      },
      ...(pointOfNoReturn === undefined ? {} : { pointOfNoReturn }),
    });
    assert.ok(played.length > 3, played.join(', '));
  });
}

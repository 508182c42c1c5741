import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';

import type { NetworkSpec } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';
import { checkSaga } from '@nakhoda/tasks/testing';

import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { exampleDisk, exampleRecord } from '../testing/example-vm.ts';
import { openTestCore, type TestCore } from '../testing/test-core.ts';
import { networkCreateSaga, networkDeleteSaga } from './network.ts';
import { snapshotRollbackSaga } from './snapshot-rollback.ts';
import { snapshotDeleteSaga, snapshotTakeSaga } from './snapshot.ts';
import { vmCloneSaga } from './vm-clone.ts';
import { vmCreateSaga } from './vm-create.ts';
import { type VmOrder, vmOrderSaga } from './vm-order.ts';
import { vmDestroySaga, vmStartSaga, vmStopSaga } from './vm-power.ts';
import { diskDeleteSaga } from './disk-delete.ts';
import { vmRevertSaga } from './vm-revert.ts';
import { vmSetSaga } from './vm-set.ts';

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
  ...exampleRecord({ name: 'demo', hypervisor: 'fake', memoryMiB: 128, disks: [{ ...exampleDisk('disk0', 'disk-0.qcow2'), sizeGiB: 1 }] }),
  attachments: { net0: { kind: 'none' } },
};
const target = { vmid: 100, name: 'demo' };

type Prepare =
  | 'nothing'
  | 'network'
  | 'stopped'
  | 'running'
  | 'paused'
  | 'suspended'
  | 'pending'
  | 'snapshot'
  | 'snapshot and changes'
  | 'disk snapshot and changes'
  | 'unused'
  | 'unused running'
  | 'second'
  | 'second running';

const larger = {
  spec: { ...record.spec, name: 'other', memoryMiB: 256, sockets: 2, notes: 'grown' },
  attachments: record.attachments,
  cdromPath: null,
};

/** With a second disk, a second NIC, or both. */
const withDisk = {
  ...record,
  spec: {
    ...record.spec,
    disks: [...record.spec.disks, { ...record.spec.disks[0]!, slot: 'disk1', volume: 'local:images/100/disk-1.qcow2' }],
  },
};
const withNic = {
  ...record,
  spec: { ...record.spec, nics: [...record.spec.nics, { ...record.spec.nics[0]!, slot: 'net1', mac: '02:4e:4b:00:00:02' }] },
  attachments: { net0: { kind: 'none' as const }, net1: { kind: 'none' as const } },
};
const both = { ...withNic, spec: { ...withNic.spec, disks: withDisk.spec.disks } };
const changed = { ...both, spec: { ...both.spec, memoryMiB: 256, notes: 'later' } };
const grown = { ...record, spec: { ...record.spec, disks: record.spec.disks.map((disk) => ({ ...disk, sizeGiB: 2 })) } };

const clone = {
  record: {
    ...exampleRecord({
      ...{ vmid: 101, name: 'copy', uuid: '11111111-2222-4333-8444-666666666666', hypervisor: 'fake', memoryMiB: 128 },
      disks: [{ ...exampleDisk('disk0', 'disk-0.qcow2', 101), sizeGiB: 1 }],
      nics: record.spec.nics.map((nic) => ({ ...nic, mac: '02:4e:4b:00:00:09' })),
      linkedTo: { vmid: 100, snapshot: 'first' },
    }),
    attachments: record.attachments,
  },
  ...{ source: target, snapshot: 'first', left: ['A device stays behind.'] },
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
  const isSecond = level === 'second' || level === 'second running';
  await run('vm.create', { record: isSecond ? both : record, start: !['stopped', 'second', 'unused'].includes(level) });
  if (level.startsWith('unused')) {
    await run('vm.set', { ...target, before: record, after: withDisk });
    await run('vm.set', { ...target, before: withDisk, after: record });
  }
  if (level === 'paused') await run('vm.pause', target);
  if (level === 'suspended') await run('vm.suspend', target);
  if (level === 'pending') await run('vm.set', { ...target, before: record, after: larger });
  if (level === 'disk snapshot and changes') {
    await run('snapshot.take', { ...target, snapshot: 'first', description: '', memory: false });
    await run('vm.set', { ...target, before: record, after: changed });
  }
  if (level === 'snapshot and changes') {
    await run('snapshot.take', { ...target, snapshot: 'first', description: '', memory: true });
    await run('vm.set', { ...target, before: record, after: changed });
  }
  if (level === 'snapshot') await run('snapshot.take', { ...target, snapshot: 'first', description: '', memory: true });
}

async function world(core: TestCore): Promise<object> {
  const { inventory, networks, store } = core.services;
  const ctx = quietContext(() => undefined);
  return {
    records: inventory.records().map(({ spec, active, discarded }) => [spec, active?.spec, discarded]),
    states: inventory.records().map(({ spec }) => inventory.state(spec.vmid)),
    keys: (await store.list('')).map((entry) => entry.key),
    networks: networks.specs().map((spec) => spec.name),
    host: core.networkHost.present(),
    machines: (await core.driver.list(ctx)).map(({ vmid, state, suspended }) => ({ vmid, state, suspended })),
    memory: core.driver.specOf(100)?.memoryMiB,
    disks: core.driver.specOf(100)?.disks.map(({ path, ...disk }) => ({ ...disk, file: basename(path) })),
    nics: core.driver.specOf(100)?.nics,
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
  'vm.clone': { make: vmCloneSaga, input: { ...clone, start: false }, level: 'snapshot' },
  'vm.clone with start': { make: vmCloneSaga, input: { ...clone, start: true }, level: 'snapshot' },
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
  'snapshot.rollback with memory of other hardware': {
    make: snapshotRollbackSaga,
    input: { ...target, snapshot: 'first' },
    level: 'snapshot and changes',
    pointOfNoReturn: 'roll back',
  },
  'snapshot.rollback without memory of other hardware': {
    make: snapshotRollbackSaga,
    input: { ...target, snapshot: 'first' },
    level: 'disk snapshot and changes',
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
  'adding a disk to a stopped VM': { make: vmSetSaga, input: { ...target, before: record, after: withDisk }, level: 'stopped' },
  'adding a disk to a running VM': { make: vmSetSaga, input: { ...target, before: record, after: withDisk }, level: 'running' },
  'adding a NIC to a stopped VM': { make: vmSetSaga, input: { ...target, before: record, after: withNic }, level: 'stopped' },
  'adding a NIC to a running VM': { make: vmSetSaga, input: { ...target, before: record, after: withNic }, level: 'running' },
  ...Object.fromEntries(
    (['second', 'second running'] as const).flatMap((level): [string, Case][] => {
      const state = level === 'second' ? 'a stopped VM' : 'a running VM';
      const pointOfNoReturn = 'delete the images of removed disks';
      return [
        [
          `removing a disk from ${state}`,
          { make: vmSetSaga, input: { ...target, before: both, after: withNic, discard: ['disk-1.qcow2'] }, level, pointOfNoReturn },
        ],
        [
          `removing a disk from ${state} and keeping its image`,
          { make: vmSetSaga, input: { ...target, before: both, after: withNic }, level },
        ],
        [`removing a NIC from ${state}`, { make: vmSetSaga, input: { ...target, before: both, after: withDisk }, level }],
      ];
    }),
  ),
  ...Object.fromEntries(
    (['stopped', 'running'] as const).map((level): [string, Case] => [
      `growing a disk of a ${level} VM`,
      { make: vmSetSaga, input: { ...target, before: record, after: grown }, level, pointOfNoReturn: 'bring the machine in line' },
    ]),
  ),
  ...Object.fromEntries(
    (['unused', 'unused running'] as const).map((level): [string, Case] => [
      `attaching an image, ${level}`,
      { make: vmSetSaga, input: { ...target, before: record, after: withDisk, reused: ['disk-1.qcow2'] }, level },
    ]),
  ),
  'disk.delete': {
    make: diskDeleteSaga,
    input: { ...target, slot: 'unused1', file: 'disk-1.qcow2' },
    level: 'unused',
    pointOfNoReturn: 'delete the image',
  },
  'vm.revert': {
    make: vmRevertSaga,
    input: { ...target, before: { ...larger, active: { ...record, spec: { ...record.spec, memoryMiB: 256 } } } },
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

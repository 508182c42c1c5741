import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultNic, fixedHardware } from '@nakhoda/driver';
import type { Capabilities, Snapshot } from '@nakhoda/schema';

import { exampleDisk, exampleRecord } from '../testing/example-vm.ts';
import { planDiskAdd, planDiskRemove, planDiskResize, planDiskSet, planNicAdd, planNicRemove, planNicSet } from './device-plans.ts';
import { chooseMac, freshMacBytes, macAddress, refuseTakenMacs, takenMacs } from './mac-addresses.ts';
import { refusePendingDisks, refuseSnapshotDisks } from './snapshot-disks.ts';
import type { VmRecord } from './vm-record.ts';

const disk = exampleDisk;
const record = exampleRecord({
  bootOrder: ['net0', 'disk1', 'disk0'],
  disks: [disk('disk0', 'disk-0.qcow2'), disk('disk1', 'disk-1.qcow2')],
});
const capabilities = { diskFormat: 'qcow2', hardware: fixedHardware } as Capabilities;
const pool = { name: 'local', totalBytes: 100 * 1024 ** 3 };
const facts = { capabilities, pool, files: new Set(['disk-0.qcow2', 'disk-1.qcow2', 'disk-2.qcow2']) };
const macs = { capabilities, takenMacs: new Set(['02:4e:4b:00:00:01']), macBytes: [1, 2, 3] as const };

test('a new disk gets the next free slot, and never the file of an image that is there', () => {
  const { disks } = planDiskAdd(record, { sizeGiB: 8, ssd: true }, facts);
  assert.deepEqual(disks[2], { ...disk('disk2', 'disk-3.qcow2'), sizeGiB: 8, ssd: true });
  const withHole: VmRecord = { ...record, spec: { ...record.spec, disks: [disk('disk1', 'disk-1.qcow2')] } };
  assert.deepEqual(
    planDiskAdd(withHole, { sizeGiB: 8 }, { ...facts, files: new Set() }).disks.map(({ slot, volume }) => [slot, volume]),
    [
      ['disk0', 'local:images/100/disk-0.qcow2'],
      ['disk1', 'local:images/100/disk-1.qcow2'],
    ],
  );
  const active = { spec: record.spec, attachments: {}, cdromPath: null };
  const [, added] = planDiskAdd({ ...withHole, active, discarded: ['disk-2.qcow2'] }, { sizeGiB: 8 }, { ...facts, files: new Set() }).disks;
  assert.deepEqual([added?.slot, added?.volume], ['disk2', 'local:images/100/disk-3.qcow2'], 'the run still has disk0');
  assert.throws(() => planDiskAdd(record, { sizeGiB: 101 }, facts), { code: 'storage.too-large' });
  const disks10 = Array.from({ length: 10 }, (_, number) => disk(`disk${number}`, `disk-${number}.qcow2`));
  assert.throws(() => planDiskAdd({ ...record, spec: { ...record.spec, disks: disks10 } }, { sizeGiB: 1 }, facts), {
    code: 'vm.spec-invalid',
  });
});

test('a disk grows and is never cut; a slot that is empty is told', () => {
  assert.equal(planDiskResize(record, 'disk1', 8, pool).disks[1]?.sizeGiB, 8);
  assert.throws(() => planDiskResize(record, 'disk1', 3, pool), { code: 'vm.spec-invalid', message: /not made smaller/u });
  assert.throws(() => planDiskResize(record, 'disk1', 101, pool), { code: 'storage.too-large' });
  for (const plan of [
    () => planDiskResize(record, 'disk5', 8, pool),
    () => planDiskSet(record, 'disk5', { cache: 'none' }),
    () => planDiskRemove(record, 'disk5'),
    () => planNicSet(record, 'net5', { linkUp: false }),
    () => planNicRemove(record, 'net5'),
  ])
    assert.throws(plan, { code: 'vm.device-not-found', hint: /disk0|net0/u });
});

test('what goes leaves the boot order too', () => {
  const removed = planDiskRemove(record, 'disk1');
  assert.deepEqual([removed.image, removed.spec.disks.length, removed.spec.bootOrder], ['disk-1.qcow2', 1, ['net0', 'disk0']]);
  assert.deepEqual(planNicRemove(record, 'net0').bootOrder, ['disk1', 'disk0']);
});

test('a NIC gets an address that nobody has', () => {
  const { nics } = planNicAdd(record, { network: 'lab', mac: '02:AB:00:00:00:09' }, macs);
  assert.deepEqual(nics[1], { slot: 'net1', network: 'lab', mac: '02:ab:00:00:00:09', ...defaultNic(fixedHardware) });
  assert.equal(planNicAdd(record, { network: 'lab' }, macs).nics[1]?.mac, '02:4e:4b:01:02:03');
  assert.throws(() => planNicAdd(record, { network: 'lab', mac: '02:4E:4B:00:00:01' }, macs), { code: 'vm.mac-taken' });
  assert.throws(() => chooseMac('00:00:00:00:00:00', macs), { code: 'vm.spec-invalid' });
  assert.match(macAddress(freshMacBytes(macs.takenMacs)), /^02:4e:4b(:[0-9a-f]{2}){3}$/u);
});

test('an address that a run still has is taken', () => {
  const active = {
    spec: { ...record.spec, nics: [{ ...record.spec.nics[0]!, slot: 'net1', mac: '02:00:00:00:00:07' }] },
    attachments: {},
    cdromPath: null,
  };
  const all = [{ ...record, active }];
  assert.deepEqual(takenMacs(all), new Set(['02:4e:4b:00:00:01', '02:00:00:00:00:07']));
  const other = { ...record, spec: { ...active.spec, vmid: 101 } };
  assert.throws(() => refuseTakenMacs(other, all), { code: 'vm.mac-taken' });
  refuseTakenMacs(record, all);
});

test('a snapshot keeps its disks from going and growing, and a disk that waits for either keeps a snapshot from being taken', () => {
  const snapshot = (disks?: string[]): Snapshot => ({
    ...{ name: 'one', parent: null, description: '', createdAt: record.spec.createdAt, memory: false, current: true },
    ...(disks ? { disks } : {}),
  });
  const without = { ...record, spec: planDiskRemove(record, 'disk1').spec };
  const grown = { ...record, spec: planDiskResize(record, 'disk1', 8, pool) };
  for (const after of [without, grown]) {
    assert.throws(() => refuseSnapshotDisks(record, after, [snapshot(['disk0']), snapshot(['disk1'])]), { code: 'snapshot.uses-disk' });
    assert.throws(() => refuseSnapshotDisks(record, after, [snapshot()]), { code: 'snapshot.uses-disk' }, 'one that does not tell');
    refuseSnapshotDisks(record, after, [snapshot(['disk0'])]);
    assert.throws(() => refusePendingDisks({ ...after, active: record }), { code: 'snapshot.uses-disk' });
  }
  refuseSnapshotDisks(record, { ...record, spec: planDiskSet(record, 'disk1', { cache: 'none' }) }, [snapshot()]);
  refusePendingDisks({ ...record, active: without });
});

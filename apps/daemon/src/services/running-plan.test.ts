import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, fixedHardware } from '@nakhoda/driver';
import type { VmDisk, VmNic } from '@nakhoda/schema';
import fc from 'fast-check';

import { machineChanges, pendingChanges, touchesMachine } from './pending-changes.ts';
import { planAfterChange } from './running-plan.ts';
import { revertedRecord } from './vm-change.ts';
import { defaultOptions } from './vm-defaults.ts';
import type { VmPlan, VmRecord } from './vm-record.ts';

const disk = (slot: string, sizeGiB: number, cache: VmDisk['cache']): VmDisk => ({
  ...{ slot, volume: `local:images/100/${slot}.qcow2`, format: 'qcow2', sizeGiB, ...defaultDisk(fixedHardware), cache },
});
const nic = (slot: string, network: string, linkUp: boolean): VmNic => ({
  ...{ slot, network, mac: `02:4e:4b:00:00:0${slot.at(-1)}`, ...defaultNic(fixedHardware), linkUp },
});

function planWith(fields: { cores: number; memoryMiB: number; cdrom: string | null; disks: VmDisk[]; nics: VmNic[] }): VmPlan {
  const { cdrom, nics } = fields;
  return {
    spec: {
      ...{ vmid: 100, name: 'web', uuid: '11111111-2222-4333-8444-555555555555', node: 'local', hypervisor: 'qemu' },
      ...defaultHardware(fixedHardware),
      ...defaultOptions,
      ...fields,
      createdAt: '2026-01-01T00:00:00.000Z',
    },
    attachments: Object.fromEntries(nics.map(({ slot, network }) => [slot, { kind: 'tap', tap: `${slot}-${network}` }])),
    cdromPath: cdrom,
  };
}

const slots = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }).map((numbers) => numbers.sort((a, b) => a - b));
const plans = fc
  .record({
    cores: fc.integer({ min: 1, max: 3 }),
    memoryMiB: fc.constantFrom(128, 256),
    cdrom: fc.constantFrom(null, '/a.iso', '/b.iso'),
    disks: slots.chain((numbers) =>
      fc.tuple(
        ...numbers.map((number) =>
          fc
            .tuple(fc.integer({ min: 1, max: 2 }), fc.constantFrom<VmDisk['cache']>('none', 'writeback'))
            .map(([size, cache]) => disk(`disk${number}`, size, cache)),
        ),
      ),
    ),
    nics: slots.chain((numbers) =>
      fc.tuple(
        ...numbers.map((number) =>
          fc.tuple(fc.constantFrom('lab', 'net'), fc.boolean()).map(([network, linkUp]) => nic(`net${number}`, network, linkUp)),
        ),
      ),
    ),
  })
  .map(planWith);

/** As drivers tell it. */
const driverField = (field: string): string =>
  field.replace(/^(disks\.disk\d)\.sizeGiB$/u, '$1.sizeBytes').replace(/^(nics\.net\d)\.network$/u, '$1.attachment');

test('what is pending afterwards is just what the driver refused, each with its reason', () => {
  fc.assert(
    fc.property(plans, plans, fc.infiniteStream(fc.boolean()), (running, wanted, refused) => {
      const fields = machineChanges(running.spec, wanted.spec).map(({ field }) => field);
      const pending = fields.filter(() => refused.next().value as boolean);
      const refusals = pending.map((field) => ({ field: driverField(field), reason: `no ${field}` }));
      const active = planAfterChange(running, wanted, refusals);
      const record: VmRecord = { ...wanted, ...(active ? { active } : {}) };
      const told = pendingChanges(record, true);
      assert.deepEqual(told.map(({ field }) => field).sort(), pending.toSorted());
      for (const { field, reason } of told) assert.equal(reason, `no ${field}`);
      if (pending.length === 0) assert.equal(active, undefined, 'nothing is pending, and a run is written down beside');
      if (!active) return;
      assert.deepEqual(Object.keys(active.attachments).sort(), active.spec.nics.map(({ slot }) => slot).sort());
      for (const { slot, network } of active.spec.nics)
        assert.deepEqual(
          active.attachments[slot],
          { kind: 'tap', tap: `${slot}-${network}` },
          'a NIC hangs on the network that it is told to be on',
        );
      assert.equal(active.cdromPath, active.spec.cdrom);
      assert.deepEqual(machineChanges(revertedRecord(record).spec, active.spec), [], 'to take it back leads to what runs');
    }),
    { numRuns: 500 },
  );
});

test('a driver that refuses more than was asked, or the whole of a device, leaves a plan between the two', () => {
  fc.assert(
    fc.property(
      plans,
      plans,
      fc.subarray(['cores', 'memoryMiB', 'cdrom', 'name', 'disks', 'nics', 'disks.disk0', 'disks.disk1', 'nics.net0', 'nics.net1.linkUp']),
      (running, wanted, fields) => {
        const active =
          planAfterChange(
            running,
            wanted,
            fields.map((field) => ({ field, reason: 'No.' })),
          ) ?? wanted;
        const differs = (from: VmPlan, to: VmPlan): string[] => machineChanges(from.spec, to.spec).map(({ field }) => field);
        const all = new Set(differs(running, wanted));
        for (const field of differs(active, wanted)) {
          assert.ok(all.has(field), `${field} is neither the former nor the wanted one`);
          assert.ok(
            fields.some((one) => field === one || field.startsWith(`${one}.`)),
            `${field} was not refused`,
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('no refusal leaves nothing beside; the reason of a device serves its fields', () => {
  const before = planWith({ cores: 1, memoryMiB: 128, cdrom: null, disks: [disk('disk0', 1, 'none')], nics: [] });
  const after = planWith({
    cores: 2,
    memoryMiB: 128,
    cdrom: null,
    disks: [disk('disk0', 2, 'writeback')],
    nics: [nic('net0', 'lab', true)],
  });
  assert.equal(planAfterChange(before, after, []), undefined);
  const active = planAfterChange(before, after, [{ field: 'disks.disk0', reason: 'Busy.' }]);
  assert.ok(active && touchesMachine(active, after));
  assert.deepEqual(
    pendingChanges({ ...after, active }, true).map(({ field, reason }) => [field, reason]),
    [
      ['disks.disk0.sizeGiB', 'Busy.'],
      ['disks.disk0.cache', 'Busy.'],
    ],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError, type VmSet } from '@nakhoda/schema';
import fc from 'fast-check';

import { exampleRecord } from '../testing/example-vm.ts';
import { machineChanges, pendingChanges, touchesMachine } from './pending-changes.ts';
import { type ChangeFacts, changedRecord, planVmSet, revertedRecord } from './vm-change.ts';
import type { VmRecord } from './vm-record.ts';

const record = exampleRecord();
const facts: ChangeFacts = { takenNames: new Set(['db']), cdromPath: '/iso/a.iso', hostMemoryMiB: 4096, passwordHash: null };
const set = (request: VmSet, from = record) => planVmSet(from, request, facts);

test('what a request does not name stays', () => {
  const { spec, cdromPath } = set({ memoryMiB: 1024, tags: ['b', 'a', 'b'], notes: '# hello' });
  assert.deepEqual(spec, { ...record.spec, memoryMiB: 1024, tags: ['a', 'b'], notes: '# hello' });
  assert.equal(cdromPath, null);
  assert.equal(set({ cdrom: 'local:iso/a.iso' }).cdromPath, '/iso/a.iso');
  const withCd = { ...record, spec: { ...record.spec, cdrom: 'local:iso/a.iso' }, cdromPath: '/iso/a.iso' };
  assert.equal(set({ notes: 'x' }, withCd).cdromPath, '/iso/a.iso');
  const emptied = planVmSet(withCd, { cdrom: 'none' }, { ...facts, cdromPath: null });
  assert.deepEqual([emptied.spec.cdrom, emptied.cdromPath], [null, null]);
});

test('refuses a taken name and more memory than the host has', () => {
  const code = (expected: string) => (error: unknown) => error instanceof NakhodaError && error.code === expected && error.hint !== '';
  assert.throws(() => set({ name: 'DB' }), code('vm.name-taken'));
  assert.throws(() => set({ memoryMiB: 4097 }), code('vm.spec-invalid'));
  assert.equal(set({ name: 'WEB' }).spec.name, 'WEB', 'its own name in another case');
});

test('what differs is told field by field, devices by their slots', () => {
  const wanted = {
    ...record.spec,
    name: 'other',
    notes: 'new',
    cores: 2,
    disks: [...record.spec.disks, { ...record.spec.disks[0]!, slot: 'disk1' }],
    nics: record.spec.nics.map((nic) => ({ ...nic, linkUp: false })),
  };
  assert.deepEqual(machineChanges(record.spec, wanted), [
    { field: 'cores', running: 1, wanted: 2 },
    { field: 'disks.disk1', running: null, wanted: wanted.disks[1] },
    { field: 'nics.net0.linkUp', running: true, wanted: false },
  ]);
  assert.deepEqual(machineChanges(wanted, record.spec)[1], { field: 'disks.disk1', running: wanted.disks[1], wanted: null });
});

test('options do not touch the machine; hardware, its name and its images do', () => {
  for (const request of [{ notes: 'x' }, { tags: ['x'] }, { folder: 'a/b' }, { autostart: true }, { protection: true }] satisfies VmSet[])
    assert.equal(touchesMachine(record, set(request)), false, JSON.stringify(request));
  for (const request of [{ cores: 2 }, { name: 'x' }, { cdrom: 'tiny' }, { bootOrder: ['disk0'] }] satisfies VmSet[])
    assert.equal(touchesMachine(record, set(request)), true, JSON.stringify(request));
});

test('a running VM keeps what it was started with until its next start, through several changes', () => {
  const change = (from: VmRecord, request: VmSet, alive = true): VmRecord => {
    const plan = set(request, from);
    return changedRecord(from, plan, { alive, touches: touchesMachine(from, plan) });
  };
  const first = change(record, { cores: 2 });
  const second = change(first, { memoryMiB: 1024, notes: 'kept' });
  assert.deepEqual(second.active?.spec, record.spec);
  assert.deepEqual(
    pendingChanges(second, true).map(({ field }) => field),
    ['cores', 'memoryMiB'],
  );
  assert.deepEqual(pendingChanges(second, false), [], 'one that does not run has nothing pending');
  assert.equal(change(record, { notes: 'x' }).active, undefined, 'an option leaves nothing pending');
  assert.equal(change(record, { cores: 2 }, false).active, undefined);

  const reverted = revertedRecord(second);
  assert.equal(reverted.active, undefined);
  assert.deepEqual(reverted.spec, { ...record.spec, notes: 'kept' });
  assert.ok(revertedRecord(change(first, { name: 'other' })).active, 'the hypervisor has to learn the new name');
});

test('whatever is changed while it runs, taking it back leads to the machine that runs', () => {
  const request = fc.record(
    { cores: fc.integer({ min: 1, max: 8 }), memoryMiB: fc.integer({ min: 16, max: 4096 }), notes: fc.string(), autostart: fc.boolean() },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(request, { maxLength: 6 }), (requests) => {
      let now = record;
      for (const one of requests) {
        const plan = planVmSet(now, one, facts);
        now = changedRecord(now, plan, { alive: true, touches: touchesMachine(now, plan) });
      }
      assert.deepEqual(machineChanges(record.spec, revertedRecord(now).spec), []);
    }),
  );
});

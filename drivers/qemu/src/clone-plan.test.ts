import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, fixedHardware, type MachineSpec } from '@nakhoda/driver';

import { cloneRecord, type CloneSource, planClone } from './clone-plan.ts';
import { neededImages } from './machine-record.ts';
import { begin, emptyStore, finish, type SnapshotStore } from './snapshot-tree.ts';
import { usualHardware } from './testing/usual-hardware.ts';

const machine = (vmid: number, changes: Partial<MachineSpec> = {}): MachineSpec => ({
  vmid,
  name: `vm${vmid}`,
  uuid: `0b1d2c3e-0000-4000-8000-000000000${vmid}`,
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(usualHardware),
  directory: `/images/${vmid}`,
  runtimeDirectory: `/run/${vmid}`,
  disks: ['disk0', 'disk1'].map((slot) => ({
    slot,
    path: `/images/${vmid}/${slot}.qcow2`,
    format: 'qcow2',
    sizeBytes: 1024,
    ...defaultDisk(fixedHardware),
  })),
  cdrom: null,
  nics: [],
  ...changes,
});
const uefi = { firmware: 'uefi' } as const;

/** With a snapshot of the named disks, and written to since. */
function snapshotOf(disks: string[]): SnapshotStore {
  const entry = { name: 's1', description: '', createdAt: '2026-01-01T00:00:00.000Z', memory: false, disks, hardware: null };
  const { store, layer } = begin(emptyStore, entry);
  return finish({ ...store, active: layer.id }, 's1');
}
const source = (changes: Partial<CloneSource> = {}, spec = machine(100)): CloneSource => ({
  record: { spec },
  store: snapshotOf(['disk0', 'disk1']),
  status: { state: 'stopped' },
  alive: false,
  ...changes,
});
const chains = (from: CloneSource, options: { snapshot: string | null; linked: boolean }, spec = machine(200)): string[][] =>
  planClone(from, { ...options, spec }).images.map(({ kind, disk, chain }) => [kind, disk.path, ...chain.map(({ path }) => path)]);

test('what a clone is made of: the images of the snapshot, or those that are written to now', () => {
  assert.deepEqual(chains(source(), { snapshot: 's1', linked: true }), [
    ['overlay', '/images/200/disk0.qcow2', '/images/100/disk0.qcow2'],
    ['overlay', '/images/200/disk1.qcow2', '/images/100/disk1.qcow2'],
  ]);
  assert.deepEqual(chains(source(), { snapshot: null, linked: false })[0], [
    'copy',
    '/images/200/disk0.qcow2',
    '/images/100/disk0.layer1.qcow2',
    '/images/100/disk0.qcow2',
  ]);
  const base = { '/images/100/disk0.qcow2': [{ path: '/images/50/disk0.qcow2', format: 'raw' as const }] };
  const linkedItself = source({ record: { spec: machine(100), base } });
  assert.deepEqual(chains(linkedItself, { snapshot: 's1', linked: true })[0]?.slice(2), [
    '/images/100/disk0.qcow2',
    '/images/50/disk0.qcow2',
  ]);
  const fewer = machine(200, { disks: machine(200).disks.slice(1) });
  assert.deepEqual(
    chains(source(), { snapshot: 's1', linked: false }, fewer).map(([, path]) => path),
    ['/images/200/disk1.qcow2'],
  );
});

test('images that a QEMU writes to are frozen first, and only those', () => {
  const freeze = (alive: boolean, snapshot: string | null): boolean =>
    planClone(source({ alive, status: { state: 'running' } }), { snapshot, linked: false, spec: machine(200) }).freeze;
  assert.deepEqual([freeze(true, null), freeze(true, 's1'), freeze(false, null)], [true, false, false]);
});

test("UEFI's variables go along where both machines begin them alike and the snapshot has them; the TPM's state where both have one", () => {
  const has = (from: Partial<MachineSpec>, to: Partial<MachineSpec>, disks = ['disk0', 'disk1', 'efivars']): string[] => {
    const plan = planClone(source({ store: snapshotOf(disks) }, machine(100, from)), {
      snapshot: 's1',
      linked: true,
      spec: machine(200, to),
    });
    return [...plan.images.slice(2).map(({ kind, disk }) => `${kind} ${disk.slot}`), ...(plan.tpm ? ['tpm'] : [])];
  };
  assert.deepEqual(has({ ...uefi, tpm: true }, { ...uefi, tpm: true }), ['copy efivars', 'tpm']);
  assert.deepEqual(has({ ...uefi, tpm: true }, { ...uefi, tpm: false }), ['copy efivars']);
  assert.deepEqual(has(uefi, {}), []);
  assert.deepEqual(has({}, uefi), []);
  assert.deepEqual(has(uefi, { ...uefi, secureBoot: true }), []);
  assert.deepEqual(has(uefi, uefi, ['disk0', 'disk1']), [], 'a snapshot from before it had UEFI');
});

test('what cannot be cloned is refused', () => {
  const refused = (code: string, from: CloneSource, options: { snapshot: string | null; linked: boolean }, spec = machine(200)): void => {
    assert.throws(() => planClone(from, { ...options, spec }), { code }, JSON.stringify(options));
  };
  const now = { snapshot: null, linked: true };
  refused('snapshot.not-found', source(), { snapshot: 'nowhere', linked: false });
  for (const state of ['running', 'paused', 'crashed', 'unknown'] as const) {
    refused('vm.wrong-state', source({ status: { state }, alive: true }), now);
  }
  assert.equal(planClone(source({ status: { state: 'crashed' } }), { ...now, spec: machine(200) }).images.length, 2);
  refused('vm.wrong-state', source({ status: { state: 'stopped', suspended: true } }), now);
  const half = { spec: machine(100), clone: { source: 1, reading: [] } };
  refused('vm.wrong-state', source({ record: half }), { snapshot: null, linked: false });
  refused('vm.spec-invalid', source({ store: snapshotOf(['disk0']) }), { snapshot: 's1', linked: true });
  refused('vm.spec-invalid', source({}, machine(100, { disks: [] })), { snapshot: null, linked: false });
});

test('the record of a clone names what it needs of its source, before anything is made', () => {
  const from = source({}, machine(100, uefi));
  const record = (options: { snapshot: string | null; linked: boolean }) => {
    const plan = planClone(from, { ...options, spec: machine(200, uefi) });
    return cloneRecord(plan, { source: 100, spec: machine(200, uefi), machineType: 'pc-q35-7.2' });
  };
  const linked = record({ snapshot: null, linked: true });
  assert.deepEqual(linked.madeDisks, ['/images/200/disk0.qcow2', '/images/200/disk1.qcow2', '/images/200/efivars.qcow2']);
  assert.deepEqual(linked.base?.['/images/200/disk1.qcow2'], [
    { path: '/images/100/disk1.layer1.qcow2', format: 'qcow2' },
    { path: '/images/100/disk1.qcow2', format: 'qcow2' },
  ]);
  assert.equal(linked.base['/images/200/efivars.qcow2'], undefined);
  const full = record({ snapshot: null, linked: false });
  assert.equal(full.base, undefined);
  assert.ok(neededImages(full).includes('/images/100/disk0.layer1.qcow2'), 'the images that are being copied are not held');
  assert.deepEqual(neededImages({ ...full, clone: { source: 100, reading: null } }), []);
  assert.equal(new Set(neededImages({ ...linked, clone: { source: 100, reading: null } })).size, 4);
});

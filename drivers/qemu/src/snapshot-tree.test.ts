import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultHardware, defaultNic, fixedHardware, type MachineSpec } from '@nakhoda/driver';

import {
  begin,
  emptyStore,
  findReady,
  finish,
  baseMemoryOf,
  hardwareDifferences,
  hardwareOf,
  type NewEntry,
  remove,
  removeUnfinished,
  type SnapshotStore,
  toSnapshots,
} from './snapshot-tree.ts';

const take = (store: SnapshotStore, name: string): SnapshotStore => finish(begin(store, entry(name)).store, name);
const entry = (name: string): NewEntry => ({
  name,
  description: '',
  createdAt: '2026-01-01T00:00:00.000Z',
  memory: false,
  disks: ['disk0'],
  hardware: null,
});
const shape = (store: SnapshotStore) => Object.fromEntries(toSnapshots(store).map(({ name, parent }) => [name, parent]));

test('snapshots grow from the current one', () => {
  const chain = ['a', 'b', 'c'].reduce(take, emptyStore);
  assert.deepEqual(shape(chain), { a: null, b: 'a', c: 'b' });
  const branch = take({ ...chain, current: 'a' }, 'd');
  assert.deepEqual(shape(branch), { a: null, b: 'a', c: 'b', d: 'a' });
  assert.deepEqual(
    toSnapshots(branch).filter((snapshot) => snapshot.current),
    [{ name: 'd', parent: 'a', description: '', createdAt: '2026-01-01T00:00:00.000Z', memory: false, current: true, disks: ['disk0'] }],
  );
});

test('children and "you are here" move up when one goes', () => {
  const chain = ['a', 'b', 'c'].reduce(take, emptyStore);
  const middle = remove(chain, 'b');
  assert.deepEqual(shape(middle), { a: null, c: 'a' });
  assert.equal(middle.current, 'c');
  const last = remove(middle, 'c');
  assert.equal(last.current, 'a');
  assert.equal(remove(last, 'a').current, null);
  assert.equal(remove(last, 'nowhere'), last);
});

test('what is not whole is not listed, cannot be restored, and goes with the file of its memory', () => {
  const { store, layer } = begin(take(emptyStore, 'a'), { ...entry('b'), memory: true });
  assert.deepEqual(shape(store), { a: null });
  assert.equal(store.current, 'a');
  assert.equal(findReady(store, 'b'), null);
  assert.deepEqual(layer, { id: 2, parent: 0, slots: ['disk0'] });
  const left = removeUnfinished(store);
  assert.deepEqual(
    left.entries.map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(left.trash, ['memory.layer2']);
  assert.deepEqual(removeUnfinished(left), left);
});

test('how long the guest stood still is told, what it consisted of is not', () => {
  const pause = { ms: 12, parts: [{ what: 'stop', ms: 2 }] };
  const { store } = begin(emptyStore, { ...entry('a'), memory: true });
  assert.deepEqual(toSnapshots(finish(store, 'a', { bytes: 1, pause }))[0]?.pause, { ms: 12 });
  assert.deepEqual(toSnapshots(finish(store, 'a', { bytes: 1, pause: { ...pause, reason: 'no' } }))[0]?.pause, { ms: 12, reason: 'no' });
});

test('memory fits the hardware it was taken on', () => {
  const spec: MachineSpec = {
    vmid: 101,
    name: 'web',
    uuid: '0b1d2c3e-0000-4000-8000-000000000101',
    cores: 1,
    memoryMiB: 128,
    ...defaultHardware(fixedHardware),
    directory: '/d',
    runtimeDirectory: '/r',
    disks: [],
    cdrom: null,
    nics: [{ slot: 'net0', mac: '52:54:00:00:00:65', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) }],
  };
  const hardware = hardwareOf(spec, 'pc-q35-7.2', 'tcg', 128);
  assert.deepEqual(hardwareDifferences(hardware, hardwareOf({ ...spec, cpuLimit: 1, name: 'other' }, 'pc-q35-7.2', 'tcg', 128)), []);
  assert.deepEqual(hardwareDifferences(hardware, hardwareOf({ ...spec, cores: 2, nics: [] }, 'pc-q35-7.2', 'kvm', 128)), [
    'accelerator was tcg and is kvm',
    'cores was 1 and is 2',
    'nics was net0 virtio 52:54:00:00:00:65 and is ',
  ]);
  const growing = hardwareOf({ ...spec, memoryMiB: 256, memoryMaxMiB: 512 }, 'pc-q35-7.2', 'tcg', 128);
  assert.deepEqual([baseMemoryOf(growing, spec), baseMemoryOf(hardware, spec), baseMemoryOf(null, spec)], [128, 128, 128]);
  assert.deepEqual(hardwareDifferences(growing, hardwareOf({ ...spec, memoryMiB: 256, memoryMaxMiB: 512 }, 'pc-q35-7.2', 'tcg', 256)), [
    'baseMemoryMiB was 128 and is 256',
  ]);
  assert.deepEqual(hardwareDifferences({ ...hardware, gone: '1' }, hardware), ['gone was 1 and is unknown']);
});

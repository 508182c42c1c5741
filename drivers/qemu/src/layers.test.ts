import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { layerNode, layerOfNode, lowerNodes } from './block-nodes.ts';
import { absorbLayer, addLayer, alignLayers, dropLayer, imageChain, imagesOver, lineage, mergedImage, nextReduction } from './layers.ts';
import { begin, emptyStore, finish, type NewEntry, remove, removeUnfinished, type SnapshotStore } from './snapshot-tree.ts';

const slots = ['disk0', 'disk1'];
const spec = {
  directory: '/d',
  disks: slots.map((slot) => ({ slot, path: `/base/${slot}`, format: 'qcow2' as const })),
  base: {},
};
const entry = (name: string): NewEntry => ({
  name,
  description: '',
  createdAt: '2026-01-01T00:00:00.000Z',
  memory: false,
  disks: slots,
  hardware: null,
});
/** As a snapshot of a stopped VM is taken. */
const take = (store: SnapshotStore, name: string): SnapshotStore => {
  const { store: begun, layer } = begin(store, entry(name));
  return finish({ ...begun, active: layer.id }, name);
};
const paths = (store: SnapshotStore, slot: string, from = store.active): string[] =>
  imageChain(store, spec, slot, from).map(({ path }) => path);

test('a disk is the chain of its images, down to the one that was defined', () => {
  const store = ['a', 'b'].reduce(take, emptyStore);
  assert.deepEqual(paths(store, 'disk0'), ['/d/disk0.layer2.qcow2', '/d/disk0.layer1.qcow2', '/base/disk0']);
  assert.deepEqual(paths(store, 'disk1', 0), ['/base/disk1']);
  const merged = mergedImage(store, 1, 'disk0');
  assert.deepEqual(paths(merged, 'disk0'), ['/d/disk0.layer2.qcow2', '/base/disk0']);
  assert.deepEqual(paths(merged, 'disk1'), ['/d/disk1.layer2.qcow2', '/d/disk1.layer1.qcow2', '/base/disk1']);
  assert.deepEqual(merged.trash, ['disk0.layer1.qcow2']);
});

test('the images that lie directly over one of a layer are known', () => {
  const store = ['a', 'b', 'c'].reduce(take, emptyStore);
  const { store: branched } = addLayer(mergedImage(store, 2, 'disk0'), 1, ['disk0']);
  assert.deepEqual(
    imagesOver(branched, spec, 'disk0', 1).map(({ layer }) => layer),
    [3, 4],
  );
  assert.deepEqual(
    imagesOver(branched, spec, 'disk1', 1).map(({ path }) => path),
    ['/d/disk1.layer2.qcow2'],
  );
});

test('a record that contradicts itself is not followed', () => {
  const store = take(emptyStore, 'a');
  assert.throws(() => lineage({ layers: [] }, 1), /no layer 1/);
  assert.throws(() => lineage({ layers: [{ id: 1, parent: 1, slots }] }, 1), /damaged/);
  assert.throws(() => imageChain(store, spec, 'disk7', 0), /no disk disk7/);
  assert.throws(() => absorbLayer(store, 1), /images of its own/);
});

test('a node tells its layer, and only a node of that disk does', () => {
  for (const layer of [0, 1, 12]) assert.equal(layerOfNode('disk1', layerNode('disk1', layer)), layer);
  for (const node of ['disk1-file', 'disk1-2-file', 'disk1-0', 'disk1-', 'disk10', 'disk', 'cd0', ''])
    assert.equal(layerOfNode('disk1', node), null);
});

test('below a linked clone lie the images of another VM, which are no layers of its own', () => {
  const base = { '/base/disk0': ['/other/disk0.layer1.qcow2', '/other/disk0.qcow2'].map((path) => ({ path, format: 'qcow2' as const })) };
  const chain = imageChain(take(emptyStore, 'a'), { ...spec, base }, 'disk0', 1);
  assert.deepEqual(
    chain.map(({ layer, path }) => [layer, path]),
    [
      [1, '/d/disk0.layer1.qcow2'],
      [0, '/base/disk0'],
      [-1, '/other/disk0.layer1.qcow2'],
      [-2, '/other/disk0.qcow2'],
    ],
  );
  const nodes = chain.map(({ layer }) => layerNode('disk0', layer));
  assert.deepEqual(nodes, ['disk0-1', 'disk0', 'disk0-base1', 'disk0-base2']);
  assert.deepEqual(
    nodes.map((node) => layerOfNode('disk0', node)),
    [1, 0, null, null],
  );
  const others = ['cd', 'disk0-1', 'disk0-1-file', 'disk1-base1', 'disk0-limits'];
  const there = ['disk0-base2-file', 'disk0-base2', 'disk0-base1-file', 'disk0-base1', 'disk0-file', 'disk0'];
  assert.deepEqual(lowerNodes('disk0', [...there, ...others]), there.toReversed());
  assert.deepEqual(lowerNodes('disk0', ['disk0-base1', ...others]), ['disk0-base1'], 'what a try before has left');
  assert.deepEqual(lowerNodes('disk0', others), []);
});

test('what QEMU did before its daemon died is taken up', () => {
  const { store: begun, layer } = begin(take(emptyStore, 'a'), entry('b'));
  const changing = { ...begun, active: layer.id };
  const before = { disk0: [1, 0], disk1: [1, 0] };
  assert.equal(alignLayers(changing, before).active, 1, 'it had not changed over');
  const after = { disk0: [2, 1, 0], disk1: [2, 1, 0] };
  assert.equal(alignLayers(changing, after), changing, 'it had');

  const ready = finish(changing, 'b');
  const merged = alignLayers(ready, { disk0: [2, 0], disk1: [2, 1, 0] });
  assert.deepEqual(
    merged.layers.map(({ id, slots }) => [id, ...slots]),
    [
      [1, 'disk1'],
      [2, 'disk0', 'disk1'],
    ],
  );
  assert.deepEqual(merged.trash, ['disk0.layer1.qcow2']);
  const pivoted = alignLayers(ready, { disk0: [1, 0], disk1: [2, 1, 0] });
  assert.deepEqual(paths(pivoted, 'disk0'), ['/d/disk0.layer1.qcow2', '/base/disk0']);
  assert.throws(() => alignLayers(ready, { disk0: [3, 2, 1, 0] }), /layer 3 of disk0/);
});

type Image = Record<string, string>;
type Step =
  | { kind: 'write' | 'take' | 'crash while taking' | 'clone as it runs' | 'reduce' }
  | { kind: 'rollback' | 'delete' | 'clone' | 'remove a clone' | 'reduce partly'; pick: number };

/** The images that another machine is made of or lies on, by slot, and what they held then. */
interface Clone {
  chains: Record<string, string[]>;
  holds: Image;
}

/** Images with contents, changed as qemu-img and QEMU change them. */
class Disks {
  readonly images = new Map<string, Image>(spec.disks.map(({ path }) => [path, {}]));
  store: SnapshotStore = emptyStore;
  clones: Clone[] = [];

  isHeld = (path: string): boolean => this.clones.some(({ chains }) => Object.values(chains).flat().includes(path));

  clone(layer: number): void {
    const chains = Object.fromEntries(slots.map((slot) => [slot, paths(this.store, slot, layer)]));
    this.clones.push({ chains, holds: this.content('disk0', layer) });
  }

  read(chain: readonly string[]): Image {
    return chain.reduceRight<Image>((below, path) => ({ ...below, ...this.images.get(path) }), {});
  }

  content(slot: string, from = this.store.active): Image {
    return this.read(paths(this.store, slot, from));
  }

  make(layer: number): void {
    for (const slot of slots) this.images.set(`/d/${slot}.layer${layer}.qcow2`, {});
  }

  write(value: string): void {
    for (const slot of slots)
      Object.assign(this.images.get(paths(this.store, slot)[0] ?? '') ?? assert.fail(), { [`key ${value}`]: value, all: value });
  }

  /** So many images are merged or layers dropped; then a crash. */
  reduce(budget: number): void {
    for (let left = budget; left > 0; left -= 1) {
      const step = nextReduction(this.store, { places: spec, isHeld: this.isHeld });
      if (!step) return;
      if (step.kind === 'drop') {
        this.store = dropLayer(this.store, step.layer);
        continue;
      }
      const [slot] = this.store.layers.find(({ id }) => id === step.upper)?.slots ?? [];
      if (slot === undefined) {
        this.store = absorbLayer(this.store, step.upper);
        continue;
      }
      const [upper, lower] = paths(this.store, slot, step.upper);
      Object.assign(this.images.get(lower ?? '') ?? assert.fail(), this.images.get(upper ?? ''));
      this.store = mergedImage(this.store, step.upper, slot);
    }
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('write', 'take', 'crash while taking', 'clone as it runs', 'reduce') }),
  fc.record({ kind: fc.constantFrom('rollback', 'delete', 'clone', 'remove a clone', 'reduce partly'), pick: fc.nat(12) }),
);

test('whatever happens to others, a snapshot, a clone and the VM keep their content, and nothing is kept for nobody', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const disks = new Disks();
      const expected = new Map<string, Image>();
      let now: Image = {};
      for (const [index, one] of steps.entries()) {
        const { store } = disks;
        const name = [...expected.keys()][('pick' in one ? one.pick : 0) % Math.max(expected.size, 1)];
        if (one.kind === 'write') {
          disks.write(String(index));
          now = { ...now, [`key ${index}`]: String(index), all: String(index) };
        } else if (one.kind === 'take') {
          disks.store = take(store, `s${index}`);
          disks.make(disks.store.active);
          expected.set(`s${index}`, now);
        } else if (one.kind === 'crash while taking') {
          const { store: begun, layer } = begin(store, entry('lost'));
          disks.make(layer.id);
          disks.store = removeUnfinished({ ...begun, active: layer.id });
        } else if (one.kind === 'rollback' && name !== undefined) {
          const { store: grown, layer } = addLayer(store, store.entries.find((entry) => entry.name === name)?.layer ?? -1, slots);
          disks.make(layer.id);
          disks.store = { ...grown, active: layer.id, current: name };
          now = expected.get(name) ?? assert.fail();
        } else if (one.kind === 'delete' && name !== undefined) {
          disks.store = remove(store, name);
          expected.delete(name);
        } else if (one.kind === 'clone as it runs') {
          const { store: begun, layer } = addLayer(store, store.active, slots);
          disks.clone(store.active);
          disks.make(layer.id);
          disks.store = { ...begun, active: layer.id };
        } else if (one.kind === 'clone' && name !== undefined) {
          disks.clone(store.entries.find((entry) => entry.name === name)?.layer ?? -1);
        } else if (one.kind === 'remove a clone') {
          disks.clones = disks.clones.filter((_, place) => place !== one.pick % Math.max(disks.clones.length, 1));
        } else if (one.kind === 'reduce partly') disks.reduce(one.pick);
        else if (one.kind === 'reduce') {
          disks.reduce(Infinity);
          const used = [disks.store.active, ...disks.store.entries.map(({ layer }) => layer)];
          for (const { id } of disks.store.layers)
            assert.ok(
              used.includes(id) || disks.clones.length > 0 || disks.store.layers.filter(({ parent }) => parent === id).length > 1,
              `layer ${id} is of no use`,
            );
          if (expected.size === 0 && disks.clones.length === 0) assert.deepEqual(paths(disks.store, 'disk0'), ['/base/disk0']);
        }
        for (const slot of slots) {
          for (const { chains, holds } of disks.clones) assert.deepEqual(disks.read(chains[slot] ?? []), holds, 'a clone');
          assert.deepEqual(disks.content(slot), now);
          for (const { name, layer } of disks.store.entries) assert.deepEqual(disks.content(slot, layer), expected.get(name), name);
        }
      }
    }),
    { numRuns: 300 },
  );
});

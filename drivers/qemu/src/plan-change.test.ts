import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, fixedHardware, type MachineDisk, type MachineSpec } from '@nakhoda/driver';
import { diskBuses } from '@nakhoda/schema';
import fc from 'fast-check';

import { applyStep, inOrderOf, planChange } from './plan-change.ts';

const disk = (slot: string, changes: Partial<MachineDisk> = {}): MachineDisk => ({
  slot,
  path: `/d/${slot}`,
  format: 'qcow2',
  sizeBytes: 1024,
  ...defaultDisk(fixedHardware),
  ...changes,
});
const nic = { slot: 'net0', mac: '52:54:00:00:00:65', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) } as const;
const spec: MachineSpec = {
  vmid: 101,
  name: 'web',
  uuid: '0b1d2c3e-0000-4000-8000-000000000101',
  cores: 2,
  memoryMiB: 256,
  ...defaultHardware(fixedHardware),
  directory: '/d',
  runtimeDirectory: '/r',
  disks: [disk('disk0')],
  cdrom: '/a.iso',
  nics: [nic],
};
/** Kinds of the steps and fields that wait. */
const plan = (changes: Partial<MachineSpec>, running = spec, layered: string[] = []): [string[], string[]] => {
  const { steps, pending } = planChange(
    running,
    { ...running, ...changes },
    { layered, translated: true, baseMemoryMiB: running.memoryMaxMiB > 0 ? 128 : running.memoryMiB },
  );
  for (const { reason } of pending) assert.match(reason, /\.$/);
  return [steps.map(({ kind }) => kind), pending.map(({ field }) => field)];
};

test('nothing is done where nothing changes', () => assert.deepEqual(plan({}), [[], []]));

for (const [title, changes, steps, pending] of [
  ['a disk comes', { disks: [disk('disk0'), disk('disk1')] }, ['add-disk'], []],
  ['a SATA disk waits', { disks: [disk('disk0'), disk('disk1', { bus: 'sata' })] }, [], ['disks.disk1']],
  ['a disk goes before its successor comes', { disks: [disk('disk1')] }, ['remove-disk', 'add-disk'], []],
  ['a disk grows', { disks: [disk('disk0', { sizeBytes: 2048 })] }, ['grow-disk'], []],
  ['a disk does not shrink', { disks: [disk('disk0', { sizeBytes: 512 })] }, [], ['disks.disk0.sizeBytes']],
  ['limits change at once', { disks: [disk('disk0', { iopsLimit: 5, mbpsLimit: 5 })] }, ['limit-disk'], []],
  [
    'a cache mode waits, a size does not',
    { disks: [disk('disk0', { cache: 'none', sizeBytes: 2048 })] },
    ['grow-disk'],
    ['disks.disk0.cache'],
  ],
  ['a NIC comes and one goes', { nics: [{ ...nic, slot: 'net1', mac: nic.mac }] }, ['remove-nic', 'add-nic'], []],
  ['a link', { nics: [{ ...nic, linkUp: false }] }, ['set-link'], []],
  ['a card waits', { nics: [{ ...nic, model: 'e1000' }] }, [], ['nics.net0.model']],
  ['a CD', { cdrom: null }, ['change-cd'], []],
  ['a processor', { cores: 3 }, ['set-cores'], []],
  ['a processor less, under TCG', { cores: 1 }, [], ['cores']],
  ['more processors than there is room for', { cores: 9 }, [], ['cores']],
  ['memory, and what else is of the machine', { memoryMiB: 512, tpm: true, name: 'x' }, [], ['name', 'memoryMiB', 'tpm']],
] as [string, Partial<MachineSpec>, string[], string[]][]) {
  test(title, () => {
    const [done, waits] = plan(changes);
    assert.deepEqual([done, waits.toSorted()], [steps, pending.toSorted()]);
  });
}

test('a disk that snapshots hold stays', () => assert.deepEqual(plan({ disks: [] }, spec, ['disk0']), [[], ['disks.disk0']]));
test('a disk that snapshots hold does not grow', () =>
  assert.deepEqual(plan({ disks: [disk('disk0', { sizeBytes: 2048 })] }, spec, ['disk0']), [[], ['disks.disk0.sizeBytes']]));
for (const [title, changes, done] of [
  ['memory comes up to what there is room for', { memoryMiB: 512 }, true],
  ['more waits', { memoryMiB: 516, memoryMaxMiB: 1024 }, false],
  ['memory that came goes', { memoryMiB: 128 }, true],
  ['memory that was there at the start stays', { memoryMiB: 124 }, false],
  ['what is between two steps waits', { memoryMiB: 258 }, false],
] as [string, Partial<MachineSpec>, boolean][])
  test(title, () => {
    const [steps, pending] = plan(changes, { ...spec, memoryMaxMiB: 512 });
    assert.deepEqual([steps, pending[0]], done ? [['set-memory'], undefined] : [[], 'memoryMiB']);
  });
test('several sockets: processors wait', () => assert.deepEqual(plan({ cores: 3 }, { ...spec, sockets: 2 }), [[], ['cores']]));

test('after all steps, nothing but what waits differs, and planning again finds no step', () => {
  const slots = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 5 });
  const disks = slots.chain((numbers) =>
    fc.tuple(
      ...numbers.map((number) =>
        fc
          .record({
            sizeBytes: fc.integer({ min: 1, max: 3 }),
            iopsLimit: fc.nat(2),
            ssd: fc.boolean(),
            bus: fc.constantFrom(...diskBuses),
          })
          .map((changes) => disk(`disk${number}`, changes)),
      ),
    ),
  );
  const nics = slots.chain((numbers) =>
    fc.tuple(...numbers.map((n) => fc.record({ linkUp: fc.boolean() }).map((changes) => ({ ...nic, slot: `net${n}`, ...changes })))),
  );
  const machine = fc
    .record({
      disks,
      nics,
      cores: fc.integer({ min: 1, max: 12 }),
      cdrom: fc.constantFrom(null, '/a.iso'),
      memoryMiB: fc.integer({ min: 60, max: 80 }),
      memoryMaxMiB: fc.constantFrom(0, 76, 80),
    })
    .map((changes): MachineSpec => ({ ...spec, ...changes }));
  const facts = ({ memoryMiB, memoryMaxMiB }: MachineSpec): Parameters<typeof planChange>[2] => ({
    layered: [],
    translated: false,
    baseMemoryMiB: memoryMaxMiB === 0 ? memoryMiB : 64,
  });
  fc.assert(
    fc.property(machine, machine, (running, wanted) => {
      const { steps, pending } = planChange(running, wanted, facts(running));
      const after = inOrderOf(steps.reduce(applyStep, running), wanted);
      const again = planChange(after, wanted, facts(running));
      assert.deepEqual(again.steps, []);
      assert.deepEqual(new Set(again.pending.map(({ field }) => field)), new Set(pending.map(({ field }) => field)));
      if (pending.length === 0) assert.deepEqual(after, wanted);
    }),
  );
});

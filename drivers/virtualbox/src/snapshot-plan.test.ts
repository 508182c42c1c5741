import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import fc from 'fast-check';

import { parseMachine } from './machine-file.ts';
import { copySnapshotName, listSnapshots, newBaseSnapshotName, safeDescription, visibleSnapshots } from './snapshot-plan.ts';

test('the tree is told by names, with the memory that a rollback would bring back', () => {
  const machine = parseMachine(readFileSync(new URL('./fixtures/nakhoda-100.vbox', import.meta.url), 'utf8'));
  assert.ok(machine);
  const common = { description: 'd "s1,m"\nü', createdAt: '2026-11-23T14:41:32.000Z' };
  assert.deepEqual(listSnapshots(machine), [
    { name: 's1', parent: null, memory: true, current: false, ...common },
    // VirtualBox has kept its memory, but it was asked for without.
    { name: 's2', parent: 's1', memory: false, current: false, description: 'd "s2"\nü', createdAt: '2026-11-23T14:41:33.000Z' },
    { name: 's3', parent: 's1', memory: false, current: true, description: 'd "s3"\nü', createdAt: '2026-11-23T14:41:37.000Z' },
  ]);
});

test('snapshots that clones need are not told, and what grows from them grows from their parents', () => {
  const snapshot = (uuid: string, name: string, parentUuid: string | null) => ({
    uuid,
    name,
    parentUuid,
    description: '',
    takenAt: 0,
    memory: false,
  });
  const snapshots = [
    snapshot('1', 'first', null),
    snapshot('2', newBaseSnapshotName(), '1'),
    snapshot('3', copySnapshotName(101), '2'),
    snapshot('4', 'second', '3'),
    snapshot('5', newBaseSnapshotName(), '4'),
  ];
  const told = visibleSnapshots({ snapshots, currentSnapshotUuid: '5' });
  assert.deepEqual(
    told.snapshots.map(({ name, parentUuid }) => [name, parentUuid]),
    [
      ['first', null],
      ['second', '1'],
    ],
  );
  assert.equal(told.currentSnapshotUuid, '4');
  assert.equal(
    visibleSnapshots({ snapshots: [snapshot('2', newBaseSnapshotName(), null)], currentSnapshotUuid: '2' }).currentSnapshotUuid,
    null,
  );
});

test('a parent comes before its children also where the clock was set back between them', () => {
  const machine = parseMachine(readFileSync(new URL('./fixtures/nakhoda-100.vbox', import.meta.url), 'utf8'));
  assert.ok(machine);
  const snapshots = machine.snapshots.map((one) => (one.name === 's2' ? { ...one, takenAt: one.takenAt - 86_400_000 } : one));
  const names = (list: typeof snapshots) => listSnapshots({ ...machine, snapshots: list }).map(({ name }) => name);
  assert.deepEqual(names(snapshots), ['s1', 's2', 's3']);
  assert.deepEqual(names(snapshots.map((one) => (one.name === 's1' ? { ...one, takenAt: one.takenAt + 86_400_000 } : one))), [
    's1',
    's2',
    's3',
  ]);
});

test('a description loses only what XML cannot hold', () => {
  const text = 'Sebelum "percobaan":\n\t<tags>, \\ and $HOME\n終わり 🚢';
  assert.equal(safeDescription(text), text);
  assert.equal(safeDescription('a\r\nb\rc'), 'a\nb\nc');
  assert.equal(safeDescription('a\0b\u001bc\ud800d\uffffe'), 'a\ufffdb\ufffdc\ufffdd\ufffde');
});

test('a safe description is safe for argv and XML, whatever it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const safe = safeDescription(text);
      assert.equal(safeDescription(safe), safe);
      assert.doesNotMatch(safe.replaceAll(/[\t\n]/g, ''), /[\p{Cc}\ufffe\uffff]/u);
      assert.ok(safe.isWellFormed());
    }),
  );
});

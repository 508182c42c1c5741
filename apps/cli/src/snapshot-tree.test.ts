import assert from 'node:assert/strict';
import { test } from 'node:test';

import { snapshotTree } from './snapshot-tree.ts';

const snapshot = (name: string, parent: string | null, current = false) => ({
  name,
  parent,
  description: '',
  createdAt: '2026-01-02T03:04:05.000Z',
  memory: false,
  current,
});
const names = (lines: string[]) => lines.map((line) => line.replace(/ {2}2026-.*$/u, ''));

test('a tree shows its branches and where the VM stands', () => {
  const tree = snapshotTree([
    snapshot('a', null),
    snapshot('b', 'a'),
    snapshot('c', 'b'),
    snapshot('d', 'a', true),
    snapshot('e', 'a'),
    snapshot('f', null),
  ]);
  assert.deepEqual(names(tree), ['a', '├─ b', '│  └─ c', '├─ d', '│  └─ you are here', '└─ e', 'f']);
});

test('without a snapshot, or with none to stand on, the VM stands at the root', () => {
  assert.deepEqual(snapshotTree([]), ['you are here']);
  assert.deepEqual(names(snapshotTree([snapshot('a', null)])), ['a', 'you are here']);
});

test('a snapshot of other hardware tells what a rollback would bring back', () => {
  const [line] = snapshotTree([{ ...snapshot('a', null), changes: ['memoryMiB', 'disks.disk1'] }]);
  assert.match(line ?? '', /brings back memoryMiB, disks\.disk1$/u);
});

test('a snapshot whose parent is gone is a root', () => {
  assert.deepEqual(names(snapshotTree([snapshot('b', 'gone', true)])), ['b', '└─ you are here']);
});

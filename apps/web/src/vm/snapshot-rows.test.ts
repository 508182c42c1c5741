import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Snapshot } from '@nakhoda/schema';

import { snapshotRows } from './snapshot-rows.ts';

const snapshot = (name: string, parent: string | null, current = false): Snapshot => ({
  name,
  parent,
  current,
  description: '',
  createdAt: '2026-11-01T08:00:00.000Z',
  memory: false,
});
const drawn = (snapshots: readonly Snapshot[]) =>
  snapshotRows(snapshots).map(({ snapshot: one, level }) => `${level} ${one?.name ?? 'NOW'}`);

test('the present stands below the snapshot it goes on from, beside its other children', () => {
  const tree = [snapshot('a', null), snapshot('b', 'a', true), snapshot('c', 'b'), snapshot('d', 'a')];
  assert.deepEqual(drawn(tree), ['1 a', '2 b', '3 NOW', '3 c', '2 d']);
});

test('without snapshots there is the present alone, and a lost parent loses no child', () => {
  assert.deepEqual(drawn([]), ['1 NOW']);
  assert.deepEqual(drawn([snapshot('b', 'gone')]), ['1 b', '1 NOW']);
});

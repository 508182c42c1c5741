import assert from 'node:assert/strict';
import { test } from 'node:test';

import { matchesName, SnapshotName } from '@nakhoda/schema';
import fc from 'fast-check';

import { safeNames } from './safe-names.ts';

test('names that are none of ours become ones, and good ones stay', () => {
  const rows: [string[], string[]][] = [
    [
      ['base', 'v2'],
      ['base', 'v2'],
    ],
    [
      ['before the update', 'other: branch'],
      ['before-the-update', 'other-branch'],
    ],
    [
      ['a b', 'a-b', 'a b'],
      ['a-b-2', 'a-b', 'a-b-3'],
    ],
    [
      ['base', 'base'],
      ['base', 'base-2'],
    ],
    [
      ['Größe', '12 Uhr', '', '日本'],
      ['Gro-e', 'Uhr', 'snapshot', 'snapshot-2'],
    ],
    [['x'.repeat(60)], ['x'.repeat(40)]],
  ];
  for (const [names, expected] of rows) assert.deepEqual(safeNames(names), expected);
});

test('whatever they are called: each is a name of ours, and no two are alike', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'a b', 'a-b', 'a-2')), { maxLength: 12 }),
      (names) => {
        const safe = safeNames(names);
        assert.equal(new Set(safe).size, names.length);
        for (const name of safe) assert.ok(matchesName(SnapshotName, name), name);
      },
    ),
  );
});

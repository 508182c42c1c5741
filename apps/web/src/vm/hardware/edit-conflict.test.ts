import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedValues, rebase } from './edit-conflict.ts';

const base = { memoryMiB: 512, cores: 1, tags: ['a'] };

test('what nobody else touched stays as it is typed', () => {
  const typed = { ...base, memoryMiB: 700 };
  assert.deepEqual(rebase({ base, present: base, typed }), { taken: {}, base, conflicts: [] });
  assert.deepEqual(changedValues(base, typed), { memoryMiB: 700 });
});

test('what somebody changed and was not touched here is taken, so that saving does not put it back', () => {
  const present = { ...base, cores: 4 };
  const after = rebase({ base, present, typed: { ...base, memoryMiB: 700 } });
  assert.deepEqual(after, { taken: { cores: 4 }, base: { ...base, cores: 4 }, conflicts: [] });
});

test('the same change on both sides is no conflict, and nothing is left to send', () => {
  const present = { ...base, tags: ['a', 'b'] };
  const typed = { ...base, tags: ['a', 'b'] };
  const after = rebase({ base, present, typed });
  assert.deepEqual([after.taken, after.conflicts], [{}, []]);
  assert.deepEqual(changedValues(after.base, typed), {});
});

test('different changes of one field are told with what it was, what it is, and what is typed', () => {
  const after = rebase({ base, present: { ...base, memoryMiB: 900 }, typed: { ...base, memoryMiB: 700 } });
  assert.deepEqual(after.conflicts, [{ name: 'memoryMiB', was: 512, theirs: 900, mine: 700 }]);
  assert.deepEqual(after.base, base);
  // "Keep mine" makes theirs the base, "take theirs" the value as well: either way none is left.
  const settled = { ...base, memoryMiB: 900 };
  assert.deepEqual(rebase({ base: settled, present: settled, typed: { ...base, memoryMiB: 700 } }).conflicts, []);
});

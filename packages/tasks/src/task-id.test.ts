import assert from 'node:assert/strict';
import { it } from 'node:test';

import { createTaskIds } from './task-id.ts';

it('task ids sort by age, also within a millisecond, after the clock was set back, and after a restart', () => {
  const times = [1_800_000_000_000, 1_800_000_000_000, 1_800_000_000_005, 1_700_000_000_000];
  const clock = (): number => times.shift() ?? 0;
  const first = createTaskIds(clock);
  const ids = [first(), first(), first(), first()];
  const second = createTaskIds(clock, ids.at(-1));
  ids.push(second(), second());
  for (const id of ids) assert.match(id, /^t[0-9a-z]{15}$/u);
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
});

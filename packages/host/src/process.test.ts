import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAlive, processRef } from './process.ts';

test('a record of a process is not taken for another that has its number now, nor for one of another run of the host', () => {
  const own = processRef(process.pid);
  assert.ok(own);
  assert.equal(isAlive(own), true);
  assert.equal(isAlive({ ...own, startTicks: own.startTicks - 1 }), false);
  assert.equal(isAlive({ ...own, bootId: '00000000-0000-4000-8000-000000000000' }), false);
});

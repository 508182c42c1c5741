import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keepToOneself } from './own-environment.ts';

test("a hypervisor does not inherit how the daemon's memory is kept small", () => {
  const env = { PATH: '/usr/bin', NODE_COMPILE_CACHE: '/x', MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072' };
  keepToOneself(env);
  assert.deepEqual(env, { PATH: '/usr/bin' });
});

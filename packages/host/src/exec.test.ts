import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exec } from './exec.ts';

test('a program that has done its work and does not end is ended, with what it printed', async () => {
  const asked: number[] = [];
  const isDone = (pid: number): boolean => asked.push(pid) > 2;
  const since = performance.now();
  const result = await exec(['sh', '-c', 'echo work; echo complaint >&2; exec sleep 30'], { isDone });
  assert.deepEqual(result, { exitCode: 0, stdout: 'work\n', stderr: 'complaint\n', cutOff: true });
  assert.ok(performance.now() - since < 20_000);
  // Once is not enough: it may be about to end.
  assert.equal(asked.length, 4);
  assert.equal(new Set(asked).size, 1);
});

test('a program that ends by itself is not touched', async () => {
  assert.deepEqual(await exec(['true'], { isDone: () => true }), { exitCode: 0, stdout: '', stderr: '' });
  await assert.rejects(exec(['sh', '-c', 'kill -9 $$'], { isDone: () => false }), { code: 'exec.failed' });
});

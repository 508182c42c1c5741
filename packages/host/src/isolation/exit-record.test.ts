import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { describeExit, readExit } from './exit-record.ts';

test('the end of a process in words', () => {
  const ended = (exitCode: number | null, signal: number | null): string => describeExit({ pid: 1, exitCode, signal, at: 0 });
  assert.equal(ended(1, null), 'ended with exit code 1');
  assert.equal(ended(0, null), 'ended with exit code 0');
  assert.match(ended(null, 9), /^was killed by signal 9 \(SIGKILL\): .*memory$/);
  assert.match(ended(null, 31), /^was killed by signal 31 \(SIGSYS\), .*sandbox/);
  assert.equal(ended(null, 11), 'was killed by signal 11 (SIGSEGV)');
  assert.equal(ended(null, 40), 'was killed by signal 40');
});

test('a record is of one process, and of no file but its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-exit-'));
  const path = join(folder, 'exit');
  const process = { pid: 7, startTicks: 1, bootId: 'now' };
  assert.equal(await readExit(path, process), null);
  await writeFile(path, '{"pid":7,"exitCode":3,"signal":null,"at":5}\n');
  assert.deepEqual(await readExit(path, process), { pid: 7, exitCode: 3, signal: null, at: 5 });
  assert.equal(await readExit(path, { ...process, pid: 8 }), null);
  await symlink(path, join(folder, 'link'));
  assert.equal(await readExit(join(folder, 'link'), process), null);
  await writeFile(path, '{"pid":7,');
  assert.equal(await readExit(path, process), null);
  await rm(folder, { recursive: true });
});

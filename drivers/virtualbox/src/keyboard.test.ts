import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { parseCombination, planText } from '@nakhoda/driver';

import { inCalls } from './keyboard.ts';
import { withSecretArguments } from './secret-arguments.ts';

test('a long text is typed in calls of whole keys', () => {
  const calls = inCalls(planText('A'.repeat(500)));
  assert.equal(calls.flat().length, 2000);
  assert.ok(calls.every((codes) => codes.length <= 400 && codes.length % 4 === 0));
  assert.equal(calls.length, 5);
  assert.deepEqual(inCalls([]), []);
  assert.deepEqual(inCalls([parseCombination('a')]), [[0x1e, 0x9e]]);
});

test('secret arguments lie in a file for their owner alone, while the call lasts', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-args-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'args');
  const words = ['controlvm', 'u', 'vrdeproperty', 'VNCPassword=aB3'];
  await withSecretArguments(path, words, async (args) => {
    assert.deepEqual(args, [`@${path}`]);
    assert.equal(await readFile(path, 'utf8'), words.join(' '));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });
  await assert.rejects(
    withSecretArguments(path, words, () => Promise.reject(new Error('refused'))),
    /refused/u,
  );
  for (const odd of ['two words', "it's", 'back\\slash', '', '"']) {
    await assert.rejects(
      withSecretArguments(path, [odd], () => Promise.resolve()),
      RangeError,
    );
  }
  assert.deepEqual(await readdir(folder), []);
});

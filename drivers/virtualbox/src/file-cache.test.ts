import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { FileCache } from './file-cache.ts';

test('a file is parsed when it changed, and only then', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-cache-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a.xml');
  let parsed = 0;
  const cache = new FileCache((text) => {
    parsed += 1;
    return text;
  });
  assert.equal(await cache.read(path), null);
  await writeFile(path, 'one');
  assert.equal(await cache.read(path), 'one');
  assert.equal(await cache.read(path), 'one');
  assert.equal(parsed, 1);

  // As VirtualBox writes: a new file in the old one's place, here of the same length.
  await writeFile(`${path}-tmp`, 'two');
  await rename(`${path}-tmp`, path);
  assert.equal(await cache.read(path), 'two');
  await rm(path);
  assert.equal(await cache.read(path), null);
});

test('a file that is gone for an instant is not gone', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-cache-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a.xml');
  const cache = new FileCache((text) => text);
  await writeFile(path, 'one');
  assert.equal(await cache.read(path), 'one');
  await rename(path, `${path}-prev`);
  const reading = cache.read(path);
  setImmediate(() => void writeFile(path, 'two'));
  assert.equal(await reading, 'two');
});

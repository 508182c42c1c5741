import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { cacheFolder } from './cache-folder.ts';
import { findTinyIso, tinyGuestFolder } from './tiny-guest.ts';

test('follows the XDG base directory specification', () => {
  assert.equal(cacheFolder({ HOME: '/home/ani' }), '/home/ani/.cache/nakhoda');
  assert.equal(cacheFolder({ HOME: '/home/ani', XDG_CACHE_HOME: '/var/cache/ani' }), '/var/cache/ani/nakhoda');
  assert.equal(cacheFolder({ HOME: '/home/ani', XDG_CACHE_HOME: 'relative' }), '/home/ani/.cache/nakhoda');
});

test('finds the tiny guest only when it was built', async (t) => {
  const cache = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(cache, { recursive: true }));
  const env = { XDG_CACHE_HOME: cache };
  assert.equal(await findTinyIso(env), null);
  const folder = join(tinyGuestFolder(env), 'current');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'tiny.iso'), '');
  assert.equal(await findTinyIso(env), join(folder, 'tiny.iso'));
});

import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { imageFactsOf, imageSize } from './image-facts.ts';

/** The beginning of the footer of `createmedium disk --size 8 --format VHD`, grown to 9 MiB, of 7.2.22. */
const recorded =
  '636f6e6563746978000000020001000000000000000002003299050476626f780007000257693 26b00000000008000000000000000900000010f041100000003'.replace(
    ' ',
    '',
  );

test('a VHD image tells its present size, and only a dynamic one grows', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-vhd-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'd.vhd');
  const footer = Buffer.alloc(512);
  footer.write(recorded, 'hex');
  const look = async (type: number): Promise<unknown> => {
    footer.writeUInt32BE(type, 60);
    await writeFile(path, Buffer.concat([Buffer.alloc(2048), footer]));
    await using file = await open(path);
    return await imageFactsOf(file, 'VHD');
  };
  const sizeBytes = 9 * 1024 ** 2;
  assert.deepEqual(await look(2), { sizeBytes, canGrow: false, extents: [] });
  assert.deepEqual(await look(3), { sizeBytes, canGrow: true, extents: [] });
  assert.equal(await imageSize(path), sizeBytes);
  assert.equal(await look(7), null);
  assert.equal(await imageSize(path), null);
});

import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { readVdiHeader } from './vdi-header.ts';
import { canWriteVdi, readVdiUuid, writeVdi } from './vdi-image.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'nk-vdi-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

// The first 512 bytes of `VBoxManage createmedium disk --sizebyte 67108864 --variant Standard` of 7.2.22, and the UUID that it told.
const recorded = readFile(new URL('./fixtures/disk-64mib.vdi-header', import.meta.url));
const recordedUuid = '80341080-c430-4c33-96ab-350c9620166b';

test("an image is VirtualBox's own, but for the UUIDs", async (t) => {
  const path = join(await folder(t), 'disk0.vdi');
  const uuid = await writeVdi(path, { sizeBytes: 64 * 1024 * 1024 });
  const made = await readFile(path);
  const header = Buffer.from(made.subarray(0, 512));
  const expected = Buffer.from(await recorded);
  for (const bytes of [header, expected]) bytes.fill(0, 0x188, 0x1a8);
  assert.deepEqual(header, expected);
  assert.equal(made.length, 2 * 1024 * 1024);
  assert.ok(made.subarray(0x10_0000, 0x10_0000 + 64 * 4).every((byte) => byte === 0xff));
  assert.ok(made.subarray(0x10_0000 + 64 * 4).every((byte) => byte === 0));
  assert.equal(await readVdiUuid(path), uuid);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await assert.rejects(writeVdi(path, { sizeBytes: 1024 * 1024 }), { code: 'EEXIST' });
});

test("a differencing image is VirtualBox's own, too, and tells its parent", async (t) => {
  const path = join(await folder(t), 'd.vdi');
  const parent = { uuid: '438e7a38-ee49-4767-b0f7-f4b955569e35', modifyUuid: '504711c0-a0f9-4604-b75d-7dfa7b16685e' };
  const uuid = '917a4a76-d148-43ca-a72a-1f2c8f819e97';
  assert.equal(await writeVdi(path, { sizeBytes: 64 * 1024 * 1024, parent, uuid }), uuid);
  const header = (await readFile(path)).subarray(0, 512);
  const expected = await readFile(new URL('./fixtures/difference-64mib.vdi-header', import.meta.url));
  for (const bytes of [header, expected]) bytes.fill(0, 0x198, 0x1a8);
  assert.deepEqual(header, expected);
  assert.equal((await readVdiHeader(path))?.parentUuid, parent.uuid);
  assert.equal(await readVdiUuid(path), null);
});

test('sizes: whole sectors, a last block in part, and a map that takes more than a MiB', async (t) => {
  const path = await folder(t);
  await writeVdi(join(path, 'odd.vdi'), { sizeBytes: 1_000_000_001 });
  const odd = await readFile(join(path, 'odd.vdi'));
  assert.deepEqual([odd.readBigUInt64LE(0x170), odd.readUInt32LE(0x180)], [1_000_000_512n, 954]);

  await writeVdi(join(path, 'large.vdi'), { sizeBytes: 1024 ** 4 });
  await using large = await open(join(path, 'large.vdi'));
  const header = Buffer.alloc(512);
  await large.read(header, 0, 512, 0);
  assert.deepEqual([header.readUInt32LE(0x158), header.readUInt32LE(0x180)], [5 * 1024 ** 2, 1024 ** 2]);

  assert.equal(canWriteVdi({ format: 'vdi', sizeBytes: 2 * 1024 ** 4 }), true);
  assert.equal(canWriteVdi({ format: 'vdi', sizeBytes: 2 * 1024 ** 4 + 1 }), false);
  assert.equal(canWriteVdi({ format: 'raw', sizeBytes: 1024 ** 2 }), false);
});

test("VirtualBox's own image tells its UUID; what is no base image tells none", async (t) => {
  const path = join(await folder(t), 'x.vdi');
  await writeFile(path, await recorded);
  assert.equal(await readVdiUuid(path), recordedUuid);
  const differencing = Buffer.from(await recorded);
  differencing.writeUInt32LE(4, 0x4c);
  await writeFile(path, differencing);
  assert.equal(await readVdiUuid(path), null);
  for (const content of ['', 'QFI\xfb'.padEnd(600, '\0')]) {
    await writeFile(path, content, 'latin1');
    assert.equal(await readVdiUuid(path), null);
  }
});

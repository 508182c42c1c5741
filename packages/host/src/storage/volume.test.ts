import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { exec } from '../exec.ts';
import { checkDiskSize, listPools, poolUsage } from './directory-pool.ts';
import { probeIso } from './probe-iso.ts';
import { checkVolume, resolveVolume } from './volume.ts';

let folder: string;
let pools: { local: string; linked: string };

/** A disc image with these volume descriptors from sector 16 on. */
function disc(descriptors: [type: number, identifier: string, text?: string][], size = 40 * 2048): Buffer {
  const image = Buffer.alloc(size);
  for (const [index, [type, identifier, text = '']] of descriptors.entries()) {
    const at = (16 + index) * 2048;
    image[at] = type;
    image.write(identifier, at + 1, 'latin1');
    image.write(text, at + 7, 'latin1');
  }
  return image;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nakhoda-storage-'));
  pools = { local: join(folder, 'pool'), linked: join(folder, 'linked') };
  await mkdir(join(pools.local, 'iso'), { recursive: true });
  await mkdir(join(folder, 'outside', 'iso'), { recursive: true });
  await writeFile(join(folder, 'outside', 'iso', 'secret.iso'), disc([[1, 'CD001']]));
  await symlink(pools.local, pools.linked);
  const iso = (name: string): string => join(pools.local, 'iso', name);
  await writeFile(iso('good.iso'), disc([[1, 'CD001']]));
  await symlink(join(folder, 'outside', 'iso', 'secret.iso'), iso('link.iso'));
  await symlink(iso('good.iso'), iso('inner-link.iso'));
  await mkdir(iso('folder.iso'));
  await exec(['mkfifo', iso('pipe.iso')]);
});

after(() => rm(folder, { recursive: true }));

test('a volume is a real file of its pool, also where the pool is reached through a link', async () => {
  const path = join(pools.local, 'iso', 'good.iso');
  assert.deepEqual(await resolveVolume('local:iso/good.iso', pools), { path, sizeBytes: 81_920 });
  assert.deepEqual(await resolveVolume('linked:iso/good.iso', pools), { path, sizeBytes: 81_920 });
  assert.equal((await checkVolume('local:iso/good.iso', { pools, kind: 'iso' })).format, 'iso9660');
});

test('everything else is refused', async () => {
  const rows = [
    ['local:iso/none.iso', 'storage.volume-not-found'],
    ['local:iso/link.iso', 'storage.volume-refused'],
    ['local:iso/inner-link.iso', 'storage.volume-refused'],
    ['local:iso/folder.iso', 'storage.volume-refused'],
    ['local:iso/pipe.iso', 'storage.volume-refused'],
    ['other:iso/good.iso', 'storage.not-found'],
    ['constructor:iso/good.iso', 'storage.not-found'],
    ['local:iso/../iso/good.iso', 'request.invalid'],
    ['local:iso/..', 'request.invalid'],
    ['local:images/good.iso', 'request.invalid'],
    ['/etc/passwd', 'request.invalid'],
    ['local:iso/-good.iso', 'request.invalid'],
    ['local:iso/good.iso\n', 'request.invalid'],
    ['local:iso/go od.iso', 'request.invalid'],
    [`local:iso/${'x'.repeat(10_000)}`, 'request.invalid'],
    ['', 'request.invalid'],
  ] as const;
  for (const [reference, code] of rows) await assert.rejects(resolveVolume(reference, pools), { code }, reference.slice(0, 60));
});

test('a folder of the pool that is a link leads nowhere', async () => {
  const root = join(folder, 'tricked');
  await mkdir(root);
  await symlink(join(folder, 'outside', 'iso'), join(root, 'iso'));
  await assert.rejects(resolveVolume('local:iso/secret.iso', { local: root }), {
    code: 'storage.volume-refused',
    message: /outside its pool/,
  });
});

test('discs are told from what only looks like one', async () => {
  const path = join(folder, 'image');
  const probe = async (content: Buffer): ReturnType<typeof probeIso> => {
    await writeFile(path, content);
    return probeIso(path);
  };
  const boot = disc([
    [1, 'CD001'],
    [0, 'CD001', 'EL TORITO SPECIFICATION'],
    [255, 'CD001'],
  ]);
  assert.deepEqual(await probe(boot), { format: 'iso9660', bootable: true, hybrid: false });
  boot.set([0x55, 0xaa], 510);
  assert.deepEqual(await probe(boot), { format: 'iso9660', bootable: true, hybrid: true });
  const udf = disc([
    [0, 'BEA01'],
    [0, 'NSR02'],
    [0, 'TEA01'],
  ]);
  assert.deepEqual(await probe(udf), { format: 'udf', bootable: false, hybrid: false });

  const mbr = disc([]);
  mbr.set([0x55, 0xaa], 510);
  const refusals: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /only 0 bytes/],
    [boot.subarray(0, 32_768), /only 32768 bytes/],
    [disc([]), /no known format/],
    [mbr, /master boot record/],
    [Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), disc([])]), /qcow2/],
    [Buffer.concat([Buffer.from([0x1f, 0x8b]), disc([])]), /unpack it first/],
    [disc([[0, 'BEA01']]), /no known format/],
  ];
  for (const [content, message] of refusals) await assert.rejects(probe(content), { code: 'storage.volume-refused', message });
  await assert.rejects(probeIso(folder), { code: 'storage.volume-refused', message: /not a file/ });
  await assert.rejects(probeIso(join(folder, 'none')), { code: 'storage.volume-not-found' });
});

test('pools tell their size; a disk beyond it is refused', async () => {
  const usage = await poolUsage(pools.local);
  assert.ok(usage.totalBytes > 0 && usage.freeBytes <= usage.totalBytes);
  const [pool] = await listPools({ local: pools.local }, { node: 'local' });
  assert.partialDeepStrictEqual(pool, {
    name: 'local',
    node: 'local',
    kind: 'directory',
    path: pools.local,
    totalBytes: usage.totalBytes,
    content: ['images', 'iso'],
  });
  await assert.rejects(poolUsage(join(folder, 'none')), { code: 'storage.failed' });
  const small = { name: 'local', totalBytes: 10 * 1024 ** 3 };
  checkDiskSize(small.totalBytes, small);
  assert.throws(() => checkDiskSize(small.totalBytes + 1, small), { code: 'storage.too-large', hint: /at most 10 GiB/ });
});

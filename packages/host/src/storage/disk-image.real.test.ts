import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { exec } from '../exec.ts';
import { copyDiskImage, probeDiskImage } from './disk-image.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const create = (format: string, name: string, ...options: string[]): Promise<unknown> =>
  exec(['qemu-img', 'create', '-q', '-f', format, ...options, at(name), '64M']);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nakhoda image, '));
});
after(() => rm(folder, { recursive: true }));

test('each format is told by its content, whatever it is called, and copied to both of ours without loss', async () => {
  const raw = Buffer.alloc(64 * 1024 * 1024);
  for (let offset = 0; offset < raw.length; offset += 3 * 1024 * 1024) raw.write(`piece at ${offset}`, offset);
  await writeFile(at('source.raw'), raw);
  for (const format of ['qcow2', 'vdi', 'vmdk', 'vpc', 'vhdx', 'raw'] as const) {
    const path = at(`of ${format}.img`);
    const options = format === 'vpc' ? ['-o', 'force_size=on'] : [];
    await exec(['qemu-img', 'convert', '-O', format, ...options, '-f', 'raw', at('source.raw'), path]);
    const image = await probeDiskImage(path, format === 'raw' ? { format } : {});
    assert.deepEqual(image, { format, virtualSizeBytes: raw.length, snapshots: [] });
    for (const target of ['qcow2', 'vdi'] as const) {
      const copy = at(`copy.${target}`);
      await copyDiskImage({ path, format }, { path: copy, format: target }, { signal: new AbortController().signal });
      await exec(['qemu-img', 'compare', '-f', 'raw', '-F', target, at('source.raw'), copy]);
    }
  }
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('images that need other files, or are not what they are said to be, are refused before anything is made of them', async () => {
  await create('qcow2', 'base.qcow2');
  await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', at('base.qcow2'), at('layer.qcow2')]);
  const nbd = 'json:{"driver":"nbd","server":{"type":"inet","host":"127.0.0.1","port":"1"}}';
  await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-F', 'raw', '-b', nbd, at('json.qcow2'), '64M']);
  await create('qcow2', 'data.qcow2', '-o', `data_file=${at('data.raw').replaceAll(',', ',,')},data_file_raw=on`);
  await create('vmdk', 'flat.vmdk', '-o', 'subformat=monolithicFlat');
  await create('vmdk', 'split.vmdk', '-o', 'subformat=twoGbMaxExtentSparse');
  await create('qcow2', 'huge.qcow2');
  await exec(['qemu-img', 'resize', '-q', '-f', 'qcow2', at('huge.qcow2'), '65T']);
  await create('raw', 'raw.img');
  await create('qcow2', 'torn.qcow2');
  await truncate(at('torn.qcow2'), 50);
  const secret = ['--object', 'secret,id=s,data=x'];
  await exec([
    'qemu-img',
    'create',
    '-q',
    ...secret,
    '-f',
    'qcow2',
    '-o',
    'encrypt.format=aes,encrypt.key-secret=s',
    at('secret.qcow2'),
    '1M',
  ]);
  await symlink('/dev/zero', at('device'));

  const rows: [string, { format?: 'qcow2' | 'raw' }, RegExp][] = [
    ['layer.qcow2', {}, /a layer on another file/],
    ['json.qcow2', {}, /a layer on another file \(json:/],
    ['data.qcow2', {}, /keeps its data in another file/],
    ['flat.vmdk', {}, /VMDK that keeps its data in other files/],
    ['split.vmdk', {}, /VMDK that keeps its data in other files/],
    ['huge.qcow2', {}, /its size for a guest is 71468255805440 bytes/],
    ['raw.img', {}, /its format cannot be told/],
    ['raw.img', { format: 'qcow2' }, /it is no image of a known format, not qcow2/],
    ['torn.qcow2', {}, /qemu-img cannot read it/],
    ['secret.qcow2', {}, /encrypted/],
    ['device', {}, /not a regular file/],
  ];
  for (const [name, options, message] of rows)
    await assert.rejects(probeDiskImage(at(name), options), { code: 'storage.volume-refused', message }, name);
  await assert.rejects(probeDiskImage(at('none')), { code: 'storage.volume-not-found' });
  // Called raw, an image is the bytes that it is: what it names is not looked for.
  assert.equal((await probeDiskImage(at('layer.qcow2'), { format: 'raw' })).format, 'raw');
});

test('a copy that is cancelled leaves nothing', async () => {
  await create('qcow2', 'whole.qcow2');
  const cancelled = AbortSignal.abort(new Error('changed my mind'));
  const target = { path: at('cancelled.qcow2'), format: 'qcow2' } as const;
  await assert.rejects(copyDiskImage({ path: at('whole.qcow2'), format: 'qcow2' }, target, { signal: cancelled }), /changed my mind/);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('cancelled')),
    [],
  );
});

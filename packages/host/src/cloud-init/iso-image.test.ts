import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import fc from 'fast-check';

import { type IsoFile, isoImage } from './iso-image.ts';

const file = (name: string, text: string): IsoFile => ({ name, data: Buffer.from(text) });
const files = [
  file('user-data', '#cloud-config\n'),
  file('meta-data', 'instance-id: "i"\n'),
  file('network-config', ''),
  file('vendor-data', 'x'),
];

interface Entry {
  name: string;
  data: Buffer;
}

/** Reads a folder's records as ECMA-119 says; for Rock Ridge the NM entry is the name. */
function readFolder(image: Buffer, descriptor: number, nameOf: (name: Buffer, more: Buffer) => string): Entry[] {
  const root = image.readUInt32LE(descriptor * 2048 + 156 + 2) * 2048;
  const entries: Entry[] = [];
  for (let at = root; image[at] !== 0; at += image[at] ?? 0) {
    const length = image[at + 32] ?? 0;
    const name = image.subarray(at + 33, at + 33 + length);
    const more = image.subarray(at + 33 + length + (length % 2 === 0 ? 1 : 0), at + (image[at] ?? 0));
    assert.equal(image.readUInt32LE(at + 2), image.readUInt32BE(at + 6));
    const from = image.readUInt32LE(at + 2) * 2048;
    if ((image[at + 25] ?? 0) === 0)
      entries.push({ name: nameOf(name, more), data: image.subarray(from, from + image.readUInt32LE(at + 10)) });
  }
  return entries;
}

const plainName = (name: Buffer): string => name.toString('latin1');
const jolietName = (name: Buffer): string => Buffer.from(name).swap16().toString('utf16le').replace(/;1$/, '');
const rockRidgeName = (_name: Buffer, more: Buffer): string => {
  for (let at = 0; at + 4 <= more.length; at += more[at + 2] ?? 0) {
    if (more.toString('latin1', at, at + 2) === 'NM') return more.toString('latin1', at + 5, at + (more[at + 2] ?? 0));
    assert.notEqual(more[at + 2], 0);
  }
  return '';
};

test('the names by ISO 9660, Rock Ridge and Joliet, each with its content', () => {
  const image = isoImage('cidata', files);
  assert.equal(image.toString('latin1', 16 * 2048 + 40, 16 * 2048 + 72), 'cidata'.padEnd(32));
  assert.equal(image.readUInt32LE(16 * 2048 + 80) * 2048, image.length);
  assert.deepEqual(
    readFolder(image, 16, plainName).map(({ name }) => name),
    ['META_DAT.;1', 'NETWORK_.;1', 'USER_DAT.;1', 'VENDOR_D.;1'],
  );
  const expected = Object.fromEntries(files.map(({ name, data }) => [name, Buffer.from(data).toString()]));
  for (const [descriptor, nameOf] of [
    [16, rockRidgeName],
    [17, jolietName],
  ] as const) {
    assert.deepEqual(Object.fromEntries(readFolder(image, descriptor, nameOf).map(({ name, data }) => [name, data.toString()])), expected);
  }
});

test('the same bytes for the same files, in whatever order they come', () => {
  const image = isoImage('cidata', files);
  assert.ok(image.equals(isoImage('cidata', files.toReversed())));
  // That Linux mounts these bytes is shown by the tests with a real guest, and xorriso 1.5.4 lists them.
  assert.equal(createHash('sha256').update(image).digest('hex').slice(0, 16), 'ae6c7dcfee509b13');
});

test('files of any size keep their content', () => {
  const data = fc.uint8Array({ maxLength: 10_000 });
  fc.assert(
    fc.property(data, data, (user, meta) => {
      const image = isoImage('cidata', [
        { name: 'user-data', data: user },
        { name: 'meta-data', data: meta },
      ]);
      const found = Object.fromEntries(readFolder(image, 16, rockRidgeName).map((entry) => [entry.name, entry.data]));
      assert.ok(found['user-data']?.equals(user) && found['meta-data']?.equals(meta));
      assert.equal(image.length % 2048, 0);
    }),
  );
});

test('names that do not fit are refused', () => {
  for (const name of ['', 'Meta', 'a/b', '..', 'x'.repeat(61)]) assert.throws(() => isoImage('cidata', [file(name, '')]), /no name/);
  assert.throws(() => isoImage('cidata', [file('user-data', ''), file('user-date', '')]), /first eight/);
  assert.throws(() => isoImage('', []), /no label/);
  assert.throws(
    () =>
      isoImage(
        'cidata',
        Array.from({ length: 40 }, (_, index) => file(`${index}-file`, '')),
      ),
    /too many/,
  );
});

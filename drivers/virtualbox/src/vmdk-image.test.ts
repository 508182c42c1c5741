import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import fc from 'fast-check';

import { parseDescriptor, readVmdk, type VmdkFacts, VmdkProblem } from './vmdk-image.ts';

/** As VirtualBox 7.2.22 wrote it (`createmedium disk --size 8 --format VMDK --variant Fixed`); of others only the middle differs. */
const described = (createType: string, ...extents: string[]): string =>
  [
    '# Disk DescriptorFile\nversion=1\nCID=dfd8c7ec\nparentCID=ffffffff',
    `createType="${createType}"\n\n# Extent description`,
    ...extents,
    '\n# The disk Data Base \n#DDB\n\nddb.virtualHWVersion = "4"\nddb.adapterType="ide"',
    'ddb.uuid.image="936eeb0c-0109-4872-a91d-0c48c8fdb974"\nddb.uuid.parent="00000000-0000-0000-0000-000000000000"\nddb.comment=""\n',
  ].join('\n');

/** A sparse image's header and description. */
function sparse(text: string, [at, sectors] = [1, 20]): Buffer {
  const image = Buffer.alloc(64 * 1024);
  image.write('KDMV', 'latin1');
  image.writeBigUInt64LE(BigInt(at ?? 0), 28);
  image.writeBigUInt64LE(BigInt(sectors ?? 0), 36);
  image.write(text, 512, 'latin1');
  return image;
}

async function read(t: TestContext, content: string | Buffer): Promise<VmdkFacts | null> {
  const folder = await mkdtemp(join(tmpdir(), 'nk-vmdk-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'x.vmdk'), content);
  await using file = await open(join(folder, 'x.vmdk'));
  return await readVmdk(file);
}

test('what VirtualBox and VMware write is understood', async (t) => {
  assert.deepEqual(await read(t, described('monolithicFlat', 'RW 16384 FLAT "fl-flat.vmdk" 0')), {
    createType: 'monolithicFlat',
    sizeBytes: 8 * 1024 ** 2,
    extents: [{ file: 'fl-flat.vmdk', leastBytes: 8 * 1024 ** 2 }],
  });
  const split = described('twoGbMaxExtentSparse', 'RW 4192256 SPARSE "a b-s001.vmdk"', 'RW 16384 SPARSE "a b-s002.vmdk"', 'RW 2 ZERO');
  assert.deepEqual(await read(t, split.replaceAll('\n', '\r\n')), {
    createType: 'twoGbMaxExtentSparse',
    sizeBytes: (4192256 + 16384 + 2) * 512,
    extents: [
      { file: 'a b-s001.vmdk', leastBytes: 0 },
      { file: 'a b-s002.vmdk', leastBytes: 0 },
    ],
  });
  // The image itself is its one extent, whatever it is called by now.
  const renamed = await read(t, sparse(described('streamOptimized', 'RDONLY 16384 SPARSE "former-name.vmdk"')));
  assert.deepEqual(renamed, { createType: 'streamOptimized', sizeBytes: 8 * 1024 ** 2, extents: [] });
});

test('what is no VMDK image, or leads out of its folder, is none that can be had', async (t) => {
  assert.equal(await read(t, 'root:x:0:0'), null);
  assert.equal(await read(t, ''), null);
  const rows: [RegExp, string | Buffer][] = [
    [/outside of its own folder/u, described('monolithicFlat', 'RW 16384 FLAT "/dev/sda" 0')],
    [/outside of its own folder/u, described('monolithicFlat', 'RW 16384 FLAT "a\\b" 0')],
    [/outside of its own folder/u, described('monolithicFlat', 'RW 16384 FLAT')],
    [/a line in its description/u, described('monolithicFlat', 'RW 16384 FLAT "a" 0 "/etc/shadow"')],
    [/a line in its description/u, described('monolithicFlat', ' RW 16384 FLAT "/etc/shadow" 0')],
    [/kind "partitionedDevice"/u, described('partitionedDevice', 'RW 16384 FLAT "a" 0')],
    [/kind "vmfs"/u, described('vmfs', 'RW 16384 FLAT "a" 0')],
    [/kind "monolithicFlat"/u, described('monolithicFlat', 'createType="fullDevice"', 'RW 16384 FLAT "a" 0')],
    [/too long/u, described('monolithicFlat', '#'.repeat(2 * 1024 ** 2))],
    [/does not fit its kind/u, sparse(described('monolithicFlat', 'RW 16384 FLAT "a" 0'))],
    [/does not fit its kind/u, sparse(described('monolithicSparse', 'RW 1 SPARSE "a"', 'RW 1 FLAT "b" 0'))],
    [/a part of an image/u, sparse('', [0, 0])],
    [/a part of an image/u, sparse('', [1, 1_000_000])],
    [/no description/u, sparse('')],
  ];
  for (const [words, content] of rows) await assert.rejects(read(t, content), { message: words }, String(words));
});

test('whatever is in a description, no file outside of its folder comes of it', () => {
  const line = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc
      .tuple(fc.constantFrom('RW', 'RDONLY', 'NOACCESS'), fc.nat(), fc.constantFrom('FLAT', 'SPARSE', 'ZERO'), fc.string({ maxLength: 40 }))
      .map(([access, count, kind, name]) => `${access} ${count} ${kind} "${name}" 0`),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      try {
        for (const { file } of parseDescriptor(described('twoGbMaxExtentFlat', ...lines)).extents)
          assert.equal(join('/vm', file).startsWith('/vm/') && !file.includes('/'), true);
      } catch (error) {
        if (!(error instanceof VmdkProblem)) throw error;
      }
    }),
  );
});

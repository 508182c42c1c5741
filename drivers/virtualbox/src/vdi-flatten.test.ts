import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';
import fc from 'fast-check';

import { writeBlock } from './testing/write-block.ts';
import { blockSource, flattenVdi, freeBlock, zeroBlock } from './vdi-flatten.ts';
import { readVdiHeader } from './vdi-header.ts';
import { writeVdi } from './vdi-image.ts';

const MiB = 1024 * 1024;

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'nk-flat-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

/** A chain of images, the lowest first; gives their paths, the top first. */
async function makeChain(path: string, sizes: readonly number[]): Promise<string[]> {
  const paths: string[] = [];
  for (const [index, sizeBytes] of sizes.entries()) {
    const below = paths[0];
    const parent = below === undefined ? null : await readVdiHeader(below);
    const image = join(path, `${index}.vdi`);
    await writeVdi(image, parent ? { sizeBytes, parent } : { sizeBytes });
    paths.unshift(image);
  }
  return paths;
}

test('a block comes from the highest image that has it', () => {
  const maps = [
    [freeBlock, 7, zeroBlock, freeBlock, freeBlock],
    [1, 2, 3, freeBlock, zeroBlock],
    [9, 9, 9, 4],
  ].map((entries) => new Uint32Array(entries));
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((block) => blockSource(maps, block)),
    [{ image: 1, entry: 1 }, { image: 0, entry: 7 }, null, { image: 2, entry: 4 }, null, null],
  );
});

test('whatever was written where, the copy holds what the last one wrote', async (t) => {
  const path = await folder(t);
  const write = fc.record({
    image: fc.integer({ min: 0, max: 2 }),
    block: fc.integer({ min: 0, max: 2 }),
    value: fc.option(fc.integer({ min: 0, max: 2 })),
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 8 }), async (writes) => {
      const own = join(path, String(run++));
      await mkdir(own);
      const chain = await makeChain(own, [3 * MiB, 3 * MiB, 3 * MiB]);
      const expected = [0, 0, 0];
      for (const { image, block, value } of writes.toSorted((a, b) => a.image - b.image)) {
        await writeBlock(chain[2 - image] ?? '', block, value);
        expected[block] = value ?? 0;
      }
      const target = join(own, 'flat.vdi');
      await flattenVdi(chain, target, new AbortController().signal);
      const header = await readVdiHeader(target);
      assert.ok(header);
      assert.deepEqual(
        [header.parentUuid, header.sizeBytes, header.taken],
        [null, 3 * MiB, expected.filter((value) => value !== 0).length],
      );
      const bytes = await readFile(target);
      assert.equal(bytes.length, header.dataOffset + header.taken * MiB);
      const values = expected.map((_value, block) => {
        const entry = bytes.readUInt32LE(header.mapOffset + block * 4);
        return entry === freeBlock ? 0 : bytes[header.dataOffset + entry * MiB];
      });
      assert.deepEqual(values, expected);
      await rm(own, { recursive: true });
    }),
    { numRuns: 15 },
  );
});

test('what is no chain is refused, and leaves no file', async (t) => {
  const path = await folder(t);
  const [top = '', bottom = ''] = await makeChain(path, [MiB, MiB]);
  const target = join(path, 'flat.vdi');
  const { signal } = new AbortController();
  for (const chain of [[top], [bottom, top], [], [join(path, 'none.vdi')]]) {
    await assert.rejects(
      flattenVdi(chain, target, signal),
      (error: unknown) => error instanceof NakhodaError && error.code === 'vm.unsupported',
    );
    await assert.rejects(access(target));
  }
});

test('an order to break off is followed, and what is there has no header yet', async (t) => {
  const path = await folder(t);
  const chain = await makeChain(path, [MiB]);
  const target = join(path, 'flat.vdi');
  await assert.rejects(flattenVdi(chain, target, AbortSignal.abort()), { name: 'AbortError' });
  assert.equal(await readVdiHeader(target), null);
});

test('an image that is written to meanwhile makes no copy', async (t) => {
  const path = await folder(t);
  const [image = ''] = await makeChain(path, [MiB]);
  const { signal } = new AbortController();
  // It is asked before each block.
  Object.defineProperty(signal, 'throwIfAborted', { value: () => utimesSync(image, 1, 1) });
  const target = join(path, 'flat.vdi');
  await assert.rejects(
    flattenVdi([image], target, signal),
    (error: unknown) => error instanceof NakhodaError && error.code === 'vm.wrong-state',
  );
  assert.equal(await readVdiHeader(target), null);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { testContext } from '@nakhoda/driver/contract';
import { fileExists } from '@nakhoda/host';

import { CloneBench, hasCode } from './testing/clone-bench.ts';
import { writeBlock } from './testing/write-block.ts';

// Images of disks that came after a snapshot to which the VM went back. Nothing boots.
const ctx = testContext();
const bench = new CloneBench();

before(() => bench.begin());
after(() => bench.end());

test('an image that a rollback left can be given back as it is, and is deleted only when no snapshot has it', { timeout: 120_000 }, async (t) => {
  const one = await bench.withSource(t);
  if (!one) return;
  const { driver } = bench;
  const { vmid } = one;
  const [first] = one.disks;
  assert.ok(first && driver.snapshots);
  const second = { ...first, slot: 'disk1', path: first.path.replace('disk0', 'disk1') };
  const two = { ...one, disks: [first, second] };
  const backTo = async (name: string, spec = one): Promise<void> => driver.snapshots?.rollback(ctx, { vmid, name, spec });

  await bench.takeSnapshot(one, 'one');
  await driver.define(ctx, { spec: two });
  await writeBlock(second.path, 3, 0x33);
  await backTo('one');
  assert.deepEqual(await driver.measureImage(ctx, { vmid, path: second.path }), { sizeBytes: second.sizeBytes });
  await driver.define(ctx, { spec: two });
  assert.deepEqual(await bench.blocks(second.path), [0, 0, 0, 0x33, 0, 0, 0, 0]);

  await bench.takeSnapshot(two, 'two');
  await backTo('one');
  await assert.rejects(driver.deleteImage(ctx, { vmid, path: second.path }), hasCode('snapshot.uses-disk'));
  await backTo('two', two);
  await backTo('one');
  await bench.remove({ vmid, name: 'two' });
  assert.deepEqual(await bench.blocks(second.path), [0, 0, 0, 0x33, 0, 0, 0, 0]);
  // The other snapshot is older than it.
  await driver.deleteImage(ctx, { vmid, path: second.path });
  assert.ok(!(await fileExists(second.path)));
  await assert.rejects(driver.measureImage(ctx, { vmid, path: second.path }), hasCode('storage.volume-refused'));
  await bench.remove({ vmid, name: 'one' });
});

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

test(
  'an image that a rollback left can be given back as it is, and is deleted only when no snapshot has it',
  { timeout: 120_000 },
  async (t) => {
    const one = await bench.withSource(t);
    if (!one) return;
    const { driver } = bench;
    const { vmid } = one;
    const [first] = one.disks;
    assert.ok(first && driver.snapshots);
    const second = { ...first, slot: 'disk1', path: first.path.replace('disk0', 'disk1') };
    const two = { ...one, disks: [first, second] };
    const backTo = async (name: string, spec = one): Promise<void> => driver.snapshots?.rollback(ctx, { vmid, name, spec });

    const slots = async (): Promise<Record<string, string[] | undefined>> =>
      Object.fromEntries((await driver.snapshots!.list(ctx, { vmid })).map(({ name, disks }) => [name, disks]));
    await bench.takeSnapshot(one, 'one');
    await driver.define(ctx, { spec: two });
    await writeBlock(second.path, 3, 0x33);
    await backTo('one');
    assert.deepEqual(await driver.measureImage(ctx, { vmid, path: second.path }), { sizeBytes: second.sizeBytes });
    await driver.define(ctx, { spec: two });
    assert.deepEqual(await bench.blocks(second.path), [0, 0, 0, 0x33, 0, 0, 0, 0]);

    // The snapshot has it not, so it can grow, go and come.
    assert.deepEqual(await slots(), { one: ['disk0'] });
    const grown = { ...two, disks: [first, { ...second, sizeBytes: second.sizeBytes + 1024 ** 2 }] };
    await driver.define(ctx, { spec: grown });
    await assert.rejects(driver.define(ctx, { spec: { ...grown, disks: [grown.disks[1]!] } }), hasCode('snapshot.uses-disk'));
    await driver.define(ctx, { spec: one });
    await driver.define(ctx, { spec: grown });

    await bench.takeSnapshot(grown, 'two');
    assert.deepEqual(await slots(), { one: ['disk0'], two: ['disk0', 'disk1'] });
    await assert.rejects(driver.define(ctx, { spec: one }), hasCode('snapshot.uses-disk'));
    await backTo('one');
    await assert.rejects(driver.deleteImage(ctx, { vmid, path: second.path }), hasCode('snapshot.uses-disk'));
    await backTo('two', grown);
    await backTo('one');
    await bench.remove({ vmid, name: 'two' });
    assert.deepEqual(await bench.blocks(second.path), [0, 0, 0, 0x33, 0, 0, 0, 0, 0]);
    // The other snapshot is older than it.
    await driver.deleteImage(ctx, { vmid, path: second.path });
    assert.ok(!(await fileExists(second.path)));
    await assert.rejects(driver.measureImage(ctx, { vmid, path: second.path }), hasCode('storage.volume-refused'));
    await bench.remove({ vmid, name: 'one' });
  },
);

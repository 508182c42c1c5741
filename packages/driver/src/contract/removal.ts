import assert from 'node:assert/strict';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { filesUnder, rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';

/** Forgetting the machine, with its snapshots. */
export async function removal(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { call, snapshot } = bench.limits;

  await bench.promise(t, 'undefine deletes all that the driver made and nothing else', call * 2 + snapshot, async () => {
    await bench.stopped();
    const { cdrom, directory, runtimeDirectory } = bench.spec;
    const foreign = join(directory, 'notes.txt');
    await writeFile(foreign, 'not the driver’s');
    await driver.undefine(ctx, { vmid });
    assert.equal(await driver.inspect(ctx, { vmid }), null);
    assert.deepEqual(await driver.list(ctx), []);
    assert.deepEqual(await filesUnder(directory), [foreign]);
    assert.deepEqual(await filesUnder(runtimeDirectory), []);
    if (cdrom !== null) assert.ok((await stat(cdrom)).isFile(), 'the ISO image is gone');
    await rm(foreign);
  });

  await bench.promise(t, 'undefining what is gone succeeds; to the driver the VM is unknown', call, async () => {
    await driver.undefine(ctx, { vmid });
    await rejectsWith('vm.not-found', driver.start(ctx, { vmid }), 'start');
    if (driver.snapshots) await rejectsWith('vm.not-found', driver.snapshots.list(ctx, { vmid }), 'snapshots.list');
  });

  await bench.promise(t, 'the same VM can be defined again, without its old snapshots', call * 2, async () => {
    await driver.define(ctx, { spec: bench.spec });
    await bench.expectState('stopped', 'after define');
    if (driver.snapshots) assert.deepEqual(await driver.snapshots.list(ctx, { vmid }), []);
    await driver.undefine(ctx, { vmid });
    assert.equal(await driver.inspect(ctx, { vmid }), null);
  });
}

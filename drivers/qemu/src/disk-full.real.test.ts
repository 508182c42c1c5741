import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { MachineSpec, MachineStatus } from '@nakhoda/driver';
import { exec, waitFor } from '@nakhoda/host';

import { HardwareBench } from './testing/hardware-bench.ts';

/** A VM whose images are on a file system of so many MiB, and a way to make it larger. As root: it is mounted. */
async function onSmallStorage(mebibytes: number, change: Partial<MachineSpec> = {}) {
  let images = '';
  const bench = await HardwareBench.make(async (spec, qemu) => {
    images = join(qemu.folder, 'images');
    await exec(['mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', images]);
    // Its folder was made before.
    await mkdir(spec.directory);
    return { ...spec, ...change };
  });
  bench.undo.defer(() => exec(['umount', images]).then(() => undefined));
  const grow = async (size: number): Promise<void> => void (await exec(['mount', '-o', `remount,size=${size}m`, images]));
  return { bench, images, grow };
}

test('a guest on a full storage is paused, says why, and goes on with nothing lost when there is room', { timeout: 180_000 }, async () => {
  const { bench, grow } = await onSmallStorage(24);
  await using _ = bench;
  const { ctx, driver, vmid } = bench;
  const status = async (): Promise<MachineStatus> => (await driver.inspect(ctx, { vmid })) ?? assert.fail('it is not known');
  const paused = async (): Promise<void> => {
    const found = await waitFor(async () => (await status()).state === 'paused', { timeoutMs: 60_000, pollMs: 50 });
    assert.ok(found, JSON.stringify(await status()));
    assert.match((await status()).reason ?? '', /no room .*disk0.*storage is full/u);
  };
  await bench.start();
  await bench.booted();
  const written = bench.shell('dd if=/dev/urandom of=/data/fill bs=1M count=40 2>/dev/null; sync; sha256sum /data/fill', 150);
  await paused();
  // Without room it stands still again at once.
  await driver.pause?.resume(ctx, { vmid });
  await paused();
  // What needs room itself is refused, and leaves nothing.
  const snapshot = { vmid, name: 'full', description: '', memory: true };
  await assert.rejects(driver.snapshots!.take(ctx, snapshot), { code: /^(snapshot\.failed|vm\.wrong-state)$/u });
  assert.deepEqual(await driver.snapshots?.list(ctx, { vmid }), []);
  await paused();

  await grow(100);
  await driver.pause?.resume(ctx, { vmid });
  assert.equal((await status()).reason, undefined);
  const sum = await written;
  assert.equal(await bench.shell('echo 3 > /proc/sys/vm/drop_caches; sha256sum /data/fill'), sum);
});

test('what is made on a full storage fails with the reason, and nothing half-made stays', { timeout: 60_000 }, async () => {
  const { bench, images, grow } = await onSmallStorage(1, { cdrom: null });
  await using _ = bench;
  const { ctx, driver, vmid, spec } = bench;
  const ballast = join(images, 'ballast');
  bench.foreign.push(ballast);
  // What is left is less than the image's header takes.
  await writeFile(ballast, Buffer.alloc(1024 ** 2)).catch(() => undefined);
  await assert.rejects(driver.define(ctx, { spec }), { code: 'storage.failed', message: /the storage is full/u, hint: /Make room/u });
  assert.equal(await driver.inspect(ctx, { vmid }), null);
  const { stdout } = await exec(['find', images, '-type', 'f']);
  assert.deepEqual(stdout.trim().split('\n'), [ballast]);
  await grow(8);
  await driver.define(ctx, { spec });
});

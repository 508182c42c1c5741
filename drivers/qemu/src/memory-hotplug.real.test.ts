import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import type { MachineSpec } from '@nakhoda/driver';
import { waitFor } from '@nakhoda/host';

import { QmpClient } from './qmp/qmp-client.ts';
import { HardwareBench } from './testing/hardware-bench.ts';
import { makeMemoryGuest } from './testing/make-memory-guest.ts';

const timeout = 180_000;
const mebibyte = 1024 * 1024;

/** MiB of memory that the guest's kernel counts as its own. */
async function total(bench: HardwareBench): Promise<number> {
  const line = await bench.shell('grep MemTotal /proc/meminfo');
  return Math.round(Number(/(\d+) kB/.exec(line)?.[1]) / 1024);
}

/** Waits for the guest to have so many MiB beside those that it began with. */
async function gained(bench: HardwareBench, began: number, wanted: number): Promise<void> {
  let now = 0;
  const holds = async (): Promise<boolean> => Math.abs((now = (await total(bench)) - began) - wanted) <= 4;
  assert.ok(await waitFor(holds, { timeoutMs: 10_000, pollMs: 100 }), `the guest has ${now} MiB more than at first, not ${wanted}`);
}

/** MiB that QEMU has given the guest at its start and since. The driver lets go of QEMU meanwhile. */
async function given(bench: HardwareBench): Promise<{ base: number; since: number }> {
  await bench.driver.close();
  const qmp = await QmpClient.connect({ socketPath: join(bench.spec.runtimeDirectory, 'qmp.sock'), timeoutMs: 5_000 });
  const answer = await qmp.execute('query-memory-size-summary', {});
  qmp.close();
  bench.driver = await bench.qemu.makeDriver();
  return { base: answer['base-memory'] / mebibyte, since: (answer['plugged-memory'] ?? 0) / mebibyte };
}

test('memory comes and goes while the guest runs; snapshots with memory and suspend to disk keep it', { timeout }, async (t) => {
  let kernel: string | null = null;
  const grows = async (spec: MachineSpec): Promise<MachineSpec> => {
    assert.ok(spec.cdrom);
    kernel = await makeMemoryGuest(spec.cdrom);
    return { ...spec, cdrom: kernel, memoryMiB: 192, memoryMaxMiB: 700, balloonMiB: 64 };
  };
  await using bench = await HardwareBench.make(grows, { userfaultfd: true });
  if (kernel === null) {
    // Not a skip: nothing that could be set up here is missing.
    t.diagnostic('Not measured, because this distribution has no package with a kernel that knows virtio-mem.');
    return;
  }
  const { vmid, ctx } = bench;
  await bench.start();
  t.diagnostic(`the guest was there after ${(await bench.booted()).toFixed(1)} s`);
  const began = await total(bench);

  assert.deepEqual(await bench.change({ memoryMiB: 448 }), []);
  await gained(bench, began, 256);
  assert.deepEqual(await bench.change({ memoryMiB: 448 }), [], 'the second time');
  // More than fits into the rest: Linux would give it, and end its own programs for want of memory.
  await bench.shell('mount -t tmpfs -o size=200m full /data; dd if=/dev/zero of=/data/full bs=1M count=160 2>/dev/null');
  const { pending } = await bench.hotplug.change(ctx, { spec: { ...bench.spec, memoryMiB: 192 } });
  assert.match(pending[0]?.reason ?? '', /^The guest can spare \d+ MiB now, and 256 MiB were to go\.$/);
  t.diagnostic(pending[0]?.reason ?? '');
  await gained(bench, began, 256);
  await bench.shell('umount /data');
  assert.deepEqual(await bench.change({ memoryMiB: 320 }), []);
  await gained(bench, began, 128);
  // What is recorded is what runs.
  await bench.driver.define(ctx, { spec: bench.spec });
  for (const memoryMiB of [128, 322]) assert.deepEqual(await bench.change({ memoryMiB }), ['memoryMiB'], String(memoryMiB));
  await assert.rejects(bench.change({ memoryMiB: 704 }), { code: 'vm.spec-invalid' });

  // Linux puts files first into memory that can be moved away, which is what came.
  const free = "sed -n '/zone *Movable/,$ s/.*nr_free_pages *//p' /proc/zoneinfo";
  const sum = 'md5sum /run/kept';
  const [before, kept, after] = (
    await bench.shell(`${free}; dd if=/dev/urandom of=/run/kept bs=1M count=16 2>/dev/null; ${sum}; ${free}`)
  ).split('\n');
  assert.ok(Number(before) - Number(after) >= 16 * 256 - 64, `of ${before} pages of the memory that came ${after} are free`);
  const { snapshots, suspend } = bench.driver;
  assert.ok(snapshots && suspend);
  await snapshots.take(ctx, { vmid, name: 'grown', description: '', memory: true });
  const [taken] = await snapshots.list(ctx, { vmid });
  assert.equal(taken?.pause?.reason, undefined, 'it was not written while the guest ran');
  await bench.restartDaemon();
  assert.deepEqual(await bench.change({ memoryMiB: 576 }), []);
  await gained(bench, began, 384);
  await bench.shell('rm /run/kept');
  // From a run of another size to one of that day's.
  const spec = { ...bench.spec, memoryMiB: 320 };
  await bench.driver.snapshots?.rollback(ctx, { vmid, name: 'grown', spec });
  bench.spec = spec;
  await gained(bench, began, 128);
  assert.equal(await bench.shell(sum), kept);
  assert.deepEqual(await given(bench), { base: 192, since: 128 });

  await bench.driver.suspend?.suspend(ctx, { vmid });
  await bench.restartDaemon();
  await bench.driver.start(ctx, { vmid });
  // The guest has to have its memory, and to live, to give it back.
  assert.deepEqual(await given(bench), { base: 192, since: 128 });
  assert.deepEqual(await bench.change({ memoryMiB: 256 }), []);
  assert.deepEqual(await bench.change({ memoryMiB: 448 }), []);

  await bench.powerOff();
  await bench.driver.start(ctx, { vmid });
  assert.deepEqual(await given(bench), { base: 448, since: 0 });
});

test('a guest that takes no memory is told, and nothing is left of it', { timeout }, async () => {
  // No CD and an empty disk: nobody is there to take it.
  await using bench = await HardwareBench.make((spec) => ({ ...spec, cdrom: null, memoryMaxMiB: 512, machine: 'i440fx' }), {
    releaseTimeoutMs: 1_000,
  });
  await bench.start();
  const { pending } = await bench.hotplug.change(bench.ctx, { spec: { ...bench.spec, memoryMiB: 256 } });
  assert.deepEqual(
    pending.map(({ field }) => field),
    ['memoryMiB'],
  );
  assert.match(pending[0]?.reason ?? '', /took none of the 128 MiB, and no more within 1 s/);
  await bench.driver.define(bench.ctx, { spec: bench.spec });
  assert.deepEqual(await given(bench), { base: 128, since: 0 });
});

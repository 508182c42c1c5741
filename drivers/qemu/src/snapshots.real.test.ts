import assert from 'node:assert/strict';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { testContext } from '@nakhoda/driver/contract';
import { exec } from '@nakhoda/host';

import { QmpClient } from './qmp/qmp-client.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';
import { makeRealQemu } from './testing/real-qemu.ts';
import { facet, images, names, powerOff, remove, scribble, scribbled, stateOf, take, twoDisks } from './testing/snapshot-bench.ts';

const ctx = testContext();

test('layers of two disks: taken, rolled back to, merged while stopped and while running', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  for (const name of ['a', 'b', 'c']) {
    await scribble(spec, name);
    await take(driver, vmid, name);
  }
  await scribble(spec, 'd');
  await facet(driver).rollback(ctx, { vmid, name: 'a' });
  assert.equal(await scribbled(spec), 'a');
  await scribble(spec, 'e');
  await take(driver, vmid, 'e');
  await facet(driver).rollback(ctx, { vmid, name: 'c' });
  assert.equal(await scribbled(spec), 'c');

  // Two grow from it: its images stay, out of sight.
  const before = await images(spec);
  await facet(driver).delete(ctx, { vmid, name: 'a' });
  assert.deepEqual(await images(spec), before);
  assert.deepEqual(await names(driver, vmid), ['b', 'c', 'e']);
  const layers = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await readSnapshots(spec)).entries.map(({ name, layer }) => [name, layer]));
  for (const [name, layer] of Object.entries(await layers())) assert.equal(await scribbled(spec, layer), name);

  // In the middle of the running VM's chain, while it runs.
  await driver.start(ctx, { vmid });
  await facet(driver).delete(ctx, { vmid, name: 'b' });
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.equal((await images(spec)).length, before.length - 2);
  // The branch goes, and what was hidden is merged into what the running VM reads.
  await facet(driver).delete(ctx, { vmid, name: 'e' });
  assert.deepEqual(await names(driver, vmid), ['c']);
  assert.equal((await images(spec)).length, 4);
  // The images that the running VM writes to are merged; it goes on in the lower ones, also in its next run.
  await facet(driver).delete(ctx, { vmid, name: 'c' });
  assert.deepEqual(await images(spec), ['disk0.qcow2', 'disk1.qcow2']);
  assert.equal(await stateOf(driver, vmid), 'running');
  await take(driver, vmid, 'live', true);
  await powerOff(driver, vmid);
  assert.equal(await scribbled(spec), 'c');
  for (const { path } of spec.disks) await exec(['qemu-img', 'check', '-q', path]);
  await assert.rejects(driver.define(ctx, { spec: { ...spec, disks: spec.disks.slice(0, 1) } }), {
    code: 'snapshot.uses-disk',
    message: /disk1/,
  });
  await remove(qemu, driver, vmid);
});

test('what a killed daemon left of a take and of a rollback is put in order', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  await take(driver, vmid, 'live', true);
  await take(driver, vmid, 'next');
  const asTaking = async (): Promise<void> => {
    const store = await readSnapshots(spec);
    const entries = store.entries.map((entry) => (entry.name === 'next' ? { ...entry, status: 'taking' as const } : entry));
    await writeSnapshots(spec, { ...store, entries, current: 'live' });
  };
  await asTaking();
  assert.deepEqual(await names(driver, vmid), ['live']);
  // Removed by the next change, which merges what the running VM writes to.
  await take(driver, vmid, 'next');
  assert.deepEqual(await names(driver, vmid), ['live', 'next']);
  assert.equal((await images(spec)).length, 7);

  await asTaking();
  await powerOff(driver, vmid);
  await driver.start(ctx, { vmid });
  assert.deepEqual(await names(driver, vmid), ['live']);
  await facet(driver).delete(ctx, { vmid, name: 'live' });
  assert.deepEqual(await images(spec), ['disk0.qcow2', 'disk1.qcow2']);

  // A guest that was to stand still for a moment goes on as soon as a daemon is there.
  await take(driver, vmid, 'live', true);
  await driver.close();
  await writeSnapshots(spec, { ...(await readSnapshots(spec)), holding: true });
  const qmp = await QmpClient.connect({ socketPath: join(spec.runtimeDirectory, 'qmp.sock'), timeoutMs: 2_000 });
  await qmp.execute('stop', {});
  qmp.close();
  const next = await qemu.makeDriver();
  assert.equal(await stateOf(next, vmid), 'running');

  await powerOff(next, vmid);
  await writeSnapshots(spec, { ...(await readSnapshots(spec)), pendingRollback: 'live' });
  assert.match(await stateOf(next, vmid), /^stopped: The rollback to live was interrupted/);
  await facet(next).rollback(ctx, { vmid, name: 'live' });
  assert.equal(await stateOf(next, vmid), 'running');
  await remove(qemu, next, vmid);
});

test('a merge that fails keeps the overlay, and is made up for', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const image = join(qemu.folder, 'qemu-img');
  const broken = join(qemu.folder, 'broken');
  await writeFile(image, `#!/bin/sh\n[ "$1" = commit ] && [ -e ${broken} ] && echo no space >&2 && exit 1\nexec qemu-img "$@"\n`);
  await chmod(image, 0o755);
  await using other = await makeRealQemu({ programs: { image } });
  const driver = await other.makeDriver();
  const spec = await twoDisks(other);
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await scribble(spec, 'a');
  await take(driver, vmid, 'a');
  await scribble(spec, 'b');
  await writeFile(broken, '');
  const told = testContext();
  await facet(driver).delete(told, { vmid, name: 'a' });
  assert.match(told.lines.join('\n'), /could not be merged yet: .*no space/);
  assert.deepEqual(await names(driver, vmid), []);
  assert.equal(await scribbled(spec), 'b');
  await driver.start(ctx, { vmid });
  await powerOff(driver, vmid);
  await exec(['rm', broken]);
  await take(driver, vmid, 'b');
  assert.equal((await images(spec)).length, 4, 'made up for');
  assert.equal(await scribbled(spec), 'b');
  await remove(other, driver, vmid);
});

test('snapshots inside the images, of a former Nakhoda, are not mixed with layers', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await writeFile(join(spec.directory, 'snapshots.json'), JSON.stringify({ format: 1, current: 'old', entries: [{ name: 'old' }] }));
  await assert.rejects(take(driver, vmid, 'new'), { code: 'snapshot.failed', message: /inside its disk images.*\(old\)/ });
  assert.deepEqual(await names(driver, vmid), []);
  await driver.start(ctx, { vmid });
  await assert.rejects(take(driver, vmid, 'new', true), { code: 'snapshot.failed' });
  assert.equal((await stat(spec.disks[0]?.path ?? '')).isFile(), true);
  await remove(qemu, driver, vmid);
});

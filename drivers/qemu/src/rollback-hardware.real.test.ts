import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';

import { memoryName } from './layers.ts';
import { machinePaths } from './machine-paths.ts';
import type { MachineRecord } from './machine-record.ts';
import { readSnapshots } from './snapshot-store.ts';
import { makeRealQemu } from './testing/real-qemu.ts';
import { facet, images, names, powerOff, remove, scribble, scribbled, stateOf, take, twoDisks } from './testing/snapshot-bench.ts';

const ctx = testContext();
const backTo = (driver: Driver, name: string, spec: MachineSpec): Promise<void> =>
  facet(driver).rollback(ctx, { vmid: spec.vmid, name, spec });
const recorded = async (spec: MachineSpec): Promise<MachineSpec> =>
  (JSON.parse(await readFile(machinePaths(spec).record, 'utf8')) as MachineRecord).spec;

test('to and fro between snapshots with one disk and with two, while their layers are merged', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const two = await twoDisks(qemu);
  const one = { ...two, memoryMiB: 48, disks: two.disks.slice(0, 1) };
  const { vmid } = two;
  await driver.define(ctx, { spec: one });
  await scribble(one, 'a');
  await take(driver, vmid, 'one');
  await driver.define(ctx, { spec: two });
  await scribble(two, 'b');
  await take(driver, vmid, 'two');
  await scribble(two, 'c');

  await backTo(driver, 'one', one);
  assert.deepEqual(await recorded(one), one);
  assert.equal(await scribbled(one), 'a');
  const image = two.disks[1]!.path;
  await assert.rejects(driver.deleteImage(ctx, { vmid, path: image }), { code: 'snapshot.uses-disk' });
  const other = { ...two, disks: [one.disks[0]!, { ...two.disks[1]!, path: `${image}.other` }] };
  await assert.rejects(driver.define(ctx, { spec: other }), { code: 'snapshot.uses-disk' });
  await scribble(one, 'd');
  await take(driver, vmid, 'three');

  await backTo(driver, 'two', two);
  assert.equal(await scribbled(two), 'b');
  await backTo(driver, 'three', one);
  assert.equal(await scribbled(one), 'd');
  // What lies below the other branch is merged while the VM has not its second disk.
  await facet(driver).delete(ctx, { vmid, name: 'one' });
  await facet(driver).delete(ctx, { vmid, name: 'three' });
  assert.equal(await scribbled(one), 'd');
  await backTo(driver, 'two', two);
  assert.equal(await scribbled(two), 'b');
  await take(driver, vmid, 'four');
  await facet(driver).delete(ctx, { vmid, name: 'two' });
  await backTo(driver, 'four', two);
  assert.equal(await scribbled(two), 'b');
  assert.deepEqual(await names(driver, vmid), ['four']);

  // A running VM, which has the disk no more, loses the last snapshot of it.
  await take(driver, vmid, 'five');
  await facet(driver).delete(ctx, { vmid, name: 'four' });
  await driver.start(ctx, { vmid });
  await facet(driver).delete(ctx, { vmid, name: 'five' });
  assert.equal(await stateOf(driver, vmid), 'running');
  await powerOff(driver, vmid);
  assert.equal(await scribbled(two), 'b');
  assert.deepEqual(await images(two), ['disk0.qcow2', 'disk1.qcow2']);
  await driver.define(ctx, { spec: one });
  // Given back, it holds what it held.
  assert.deepEqual(await driver.measureImage(ctx, { vmid, path: image }), { sizeBytes: two.disks[1]!.sizeBytes });
  await driver.define(ctx, { spec: two });
  assert.equal(await scribbled(two), 'b');
  await driver.define(ctx, { spec: one });
  await driver.deleteImage(ctx, { vmid, path: image });
  assert.deepEqual(await images(two), ['disk0.qcow2']);
  await remove(qemu, driver, vmid);
});

test('a rollback of memory that fails leaves the machine as it was, also where it is another by now', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const two = await twoDisks(qemu);
  const one = { ...two, disks: two.disks.slice(0, 1) };
  const { vmid } = two;
  await driver.define(ctx, { spec: one });
  await driver.start(ctx, { vmid });
  await take(driver, vmid, 'live', true);
  await powerOff(driver, vmid);
  const larger = { ...two, memoryMiB: 64, machine: 'i440fx' as const };
  await driver.define(ctx, { spec: larger });
  await scribble({ ...larger, disks: larger.disks.slice(1) }, 'x');

  const [entry] = (await readSnapshots(one)).entries;
  const memory = join(one.directory, memoryName(entry!.number));
  const whole = await readFile(memory);
  await writeFile(memory, Buffer.alloc(whole.length, 0x55));
  await assert.rejects(backTo(driver, 'live', one), { code: 'snapshot.failed', details: undefined });
  assert.deepEqual(await recorded(one), larger);
  assert.match(await stateOf(driver, vmid), /^stopped/);
  await driver.start(ctx, { vmid });
  assert.equal(await stateOf(driver, vmid), 'running');

  await writeFile(memory, whole);
  await backTo(driver, 'live', one);
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.deepEqual(await recorded(one), one);
  await access(two.disks[1]!.path);
  const { argv } = JSON.parse(await readFile(machinePaths(one).boot, 'utf8')) as { argv: string[] };
  assert.match(argv.join(' '), /pc-q35/, 'the virtual hardware of that day');
  await remove(qemu, driver, vmid);
});

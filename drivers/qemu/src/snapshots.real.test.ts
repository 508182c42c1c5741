import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { defaultDisk, type Driver, fixedHardware, type MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { exec } from '@nakhoda/host';

import type { ChainImage } from './block-nodes.ts';
import type { QemuDriverOptions } from './driver.ts';
import { imageChain } from './layers.ts';
import { QmpClient } from './qmp/qmp-client.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';
import { busyGuest } from './testing/busy-guest.ts';
import { makeRealQemu, type RealQemu } from './testing/real-qemu.ts';

const ctx = testContext();

/** A VM with two small disks; its guest is the BIOS. */
async function twoDisks(qemu: RealQemu): Promise<MachineSpec> {
  const template = await qemu.spec();
  const disks = ['disk0', 'disk1'].map((slot) => ({
    slot,
    path: join(template.directory, `${slot}.qcow2`),
    format: 'qcow2' as const,
    sizeBytes: 1024 * 1024,
    ...defaultDisk(fixedHardware),
  }));
  return { ...template, cdrom: null, memoryMiB: 32, disks };
}

const facet = (driver: Driver) => driver.snapshots ?? assert.fail('no snapshots');
const take = (driver: Driver, vmid: number, name: string, memory = false): Promise<void> =>
  facet(driver).take(ctx, { vmid, name, description: '', memory });
const names = async (driver: Driver, vmid: number): Promise<string[]> => (await facet(driver).list(ctx, { vmid })).map(({ name }) => name);
const stateOf = async (driver: Driver, vmid: number): Promise<string> => {
  const status = await driver.inspect(ctx, { vmid });
  return `${status?.state}${status?.reason === undefined ? '' : `: ${status.reason}`}`;
};
const powerOff = (driver: Driver, vmid: number): Promise<void> => driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });

async function remove(qemu: RealQemu, driver: Driver, vmid: number): Promise<void> {
  await powerOff(driver, vmid);
  await driver.undefine(ctx, { vmid });
  await driver.close();
  assert.deepEqual(await qemu.leftovers(), []);
}

/** Files of disks and memory in the VM's folder. */
async function images({ directory }: MachineSpec): Promise<string[]> {
  return (await readdir(directory)).filter((name) => /^(disk|memory)/.test(name)).toSorted();
}

/** A chain as one node for qemu-io; the record says what it consists of. */
function node([top, ...below]: ChainImage[]): object | null {
  return top ? { driver: top.format, file: { driver: 'file', filename: top.path }, backing: node(below) } : null;
}

/** Writes the letter over the first 64 KiB of each disk of a stopped VM. */
async function scribble(spec: MachineSpec, letter: string): Promise<void> {
  const store = await readSnapshots(spec);
  for (const { slot } of spec.disks) {
    const image = `json:${JSON.stringify(node(imageChain(store, spec, slot, store.active)))}`;
    await exec(['qemu-io', '-c', `write -P ${letter.charCodeAt(0)} 0 64k`, image]);
  }
}

/** What was written last over each disk of a stopped VM, in a layer. Fails where it is a mixture. */
async function scribbled(spec: MachineSpec, layer?: number): Promise<string> {
  const store = await readSnapshots(spec);
  const found = await Promise.all(
    spec.disks.map(async ({ slot }) => {
      const image = `json:${JSON.stringify(node(imageChain(store, spec, slot, layer ?? store.active)))}`;
      const { stdout } = await exec(['qemu-io', '-r', '-U', '-c', 'read -v 0 64k', image]);
      const bytes = new Set([...stdout.matchAll(/^[0-9a-f]{8}: +((?:[0-9a-f]{2} )+)/gm)].flatMap(([, row]) => row?.trim().split(/\s+/)));
      return [...bytes].map((byte) => String.fromCharCode(Number.parseInt(byte ?? '', 16))).join('');
    }),
  );
  assert.equal(new Set(found).size, 1, `the disks differ: ${found.join(', ')}`);
  return found[0] ?? '';
}

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
    code: 'vm.wrong-state',
    message: /disk1/,
  });
  await remove(qemu, driver, vmid);
});

test(
  'a guest that is busy goes on from one instant of disk and memory, and stands still for a moment only',
  { timeout: 180_000 },
  async (t) => {
    await using qemu = await makeRealQemu();
    const driver = await qemu.makeDriver();
    const spec = await qemu.spec();
    const { vmid } = spec;
    await driver.define(ctx, { spec });
    await driver.start(ctx, { vmid });
    await (await busyGuest(driver, ctx, vmid)).count();
    await take(driver, vmid, 'busy', true);
    const guest = await busyGuest(driver, ctx, vmid);
    const later = await guest.counted();
    const [entry] = (await readSnapshots(spec)).entries;
    t.diagnostic(JSON.stringify(entry?.pause));
    if (process.env['NAKHODA_NO_USERFAULTFD'] === undefined)
      assert.equal(entry?.pause?.reason, undefined, 'memory was not written in the background');
    assert.ok((entry?.pause?.ms ?? 0) > 0);
    const [listed] = await facet(driver).list(ctx, { vmid });
    assert.equal(listed?.pause?.ms, entry?.pause?.ms);

    for (const disksMoreBetween of [false, true]) {
      if (disksMoreBetween) await take(driver, vmid, 'between');
      await facet(driver).rollback(ctx, { vmid, name: 'busy' });
      assert.equal(await stateOf(driver, vmid), 'running');
      const restored = await (await busyGuest(driver, ctx, vmid)).counted();
      assert.ok(restored.memory > 0 && [0, 1].includes(restored.memory - restored.disk), JSON.stringify(restored));
      assert.ok(restored.memory <= later.memory + 10_000, 'counted on from elsewhere');
    }
    await facet(driver).delete(ctx, { vmid, name: 'busy' });
    await facet(driver).delete(ctx, { vmid, name: 'between' });
    const fsck = await (await busyGuest(driver, ctx, vmid)).shell('cat /data/count');
    assert.ok(Number(fsck) > 0);
    await remove(qemu, driver, vmid);
  },
);

test('where QEMU may not watch memory, the guest stands still meanwhile, and it is said why', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  // Without CAP_SYS_PTRACE userfaultfd(2) is refused, as it is to a QEMU that is not root's.
  const system = join(qemu.folder, 'qemu');
  await writeFile(system, '#!/bin/sh\nexec setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace qemu-system-x86_64 "$@"\n');
  await chmod(system, 0o755);
  const options: Partial<QemuDriverOptions> = { programs: { system } };
  await using limited = await makeRealQemu(options);
  const driver = await limited.makeDriver();
  const spec = await limited.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  await (await busyGuest(driver, ctx, vmid)).count();
  const told = testContext();
  await facet(driver).take(told, { vmid, name: 'still', description: '', memory: true });
  assert.equal(await stateOf(driver, vmid), 'running');
  const [taken] = await facet(driver).list(ctx, { vmid });
  assert.match(taken?.pause?.reason ?? '', /cannot write a guest's memory while it runs.*not supported by host kernel/i);
  assert.match(told.lines.join('\n'), /stood still for .* ms .*not supported by host kernel/i);
  await (await busyGuest(driver, ctx, vmid)).counted();
  await facet(driver).rollback(ctx, { vmid, name: 'still' });
  const restored = await (await busyGuest(driver, ctx, vmid)).counted();
  assert.ok(restored.memory > 0 && [0, 1].includes(restored.memory - restored.disk), JSON.stringify(restored));
  await remove(limited, driver, vmid);
});

test('memory for which there is no room fails the snapshot, and not the guest', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  const small = join(qemu.folder, 'images');
  await exec(['mount', '-t', 'tmpfs', '-o', 'size=32M', 'tmpfs', small]);
  await using unmount = new AsyncDisposableStack();
  unmount.defer(async () => void (await exec(['umount', '--lazy', small])));
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  const guest = await busyGuest(driver, ctx, vmid);
  await guest.shell('dd if=/dev/urandom of=/run/held bs=1M count=40 2>/dev/null');
  await guest.count();
  await assert.rejects(take(driver, vmid, 'large', true), { code: 'snapshot.failed', message: /No space left on device/ });
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.deepEqual(await names(driver, vmid), []);
  assert.deepEqual(await images(spec), ['disk0.qcow2']);
  const { memory, disk } = await guest.counted();
  assert.ok(memory > 0 && memory - disk <= 1, `${memory}, ${disk}`);
  await take(driver, vmid, 'disks');
  await remove(qemu, driver, vmid);
});

test('a paused VM stays paused, and its snapshot runs', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const first = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await first.define(ctx, { spec });
  await first.start(ctx, { vmid });
  await first.close();
  const qmp = await QmpClient.connect({ socketPath: join(spec.runtimeDirectory, 'qmp.sock'), timeoutMs: 2_000 });
  await qmp.execute('stop', {});
  qmp.close();

  const driver = await qemu.makeDriver();
  assert.match(await stateOf(driver, vmid), /^paused/);
  await take(driver, vmid, 'paused', true);
  await take(driver, vmid, 'disks');
  assert.match(await stateOf(driver, vmid), /^paused/);
  await facet(driver).delete(ctx, { vmid, name: 'disks' });
  assert.match(await stateOf(driver, vmid), /^paused/);
  await facet(driver).rollback(ctx, { vmid, name: 'paused' });
  assert.equal(await stateOf(driver, vmid), 'running');
  await remove(qemu, driver, vmid);
});

test(
  'memory that is not whole is refused while the VM runs on; memory that QEMU cannot read leaves the disks as they were',
  {
    timeout: 60_000,
  },
  async () => {
    await using qemu = await makeRealQemu();
    const driver = await qemu.makeDriver();
    const spec = await twoDisks(qemu);
    const { vmid } = spec;
    await driver.define(ctx, { spec });
    await scribble(spec, 'a');
    await driver.start(ctx, { vmid });
    await take(driver, vmid, 'live', true);
    await powerOff(driver, vmid);
    await scribble(spec, 'b');
    await driver.start(ctx, { vmid });
    const path = join(spec.directory, (await images(spec)).find((name) => name.startsWith('memory')) ?? '');
    const whole = await readFile(path);

    await truncate(path, whole.length - 1);
    const rollback = (): Promise<void> => facet(driver).rollback(ctx, { vmid, name: 'live' });
    await assert.rejects(rollback(), { code: 'snapshot.failed', message: /is not whole/ });
    assert.equal(await stateOf(driver, vmid), 'running');

    await writeFile(path, whole.fill(0x55, whole.length / 2));
    await assert.rejects(rollback(), { code: 'snapshot.failed' });
    assert.match(await stateOf(driver, vmid), /^stopped: The last start failed: QEMU could not read the guest's memory: \S+/);
    assert.equal(await scribbled(spec), 'b');
    assert.equal((await images(spec)).length, 5, 'overlays of the rollback were left');

    await driver.define(ctx, { spec: { ...spec, memoryMiB: 48 } });
    await assert.rejects(rollback(), { code: 'snapshot.failed', message: /memoryMiB was 32 and is 48/ });
    await remove(qemu, driver, vmid);
  },
);

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

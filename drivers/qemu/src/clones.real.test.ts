import assert from 'node:assert/strict';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { MachineSpec } from '@nakhoda/driver';
import { isRequired, testContext } from '@nakhoda/driver/contract';
import { exec, probeIsolation, spawnSupervised, vmIdentity, waitForExit } from '@nakhoda/host';

import { createConfinement } from './confinement.ts';
import { cloneSpec, filesIn, makeClone, modeOf, order } from './testing/clone-bench.ts';
import { makeRealQemu } from './testing/real-qemu.ts';
import { facet, images, names, powerOff, remove, scribble, scribbled, stateOf, take, twoDisks } from './testing/snapshot-bench.ts';

const ctx = testContext();

const path = (spec: MachineSpec, slot = 'disk0'): string => spec.disks.find((disk) => disk.slot === slot)?.path ?? assert.fail(slot);
const sizeOf = async (image: string): Promise<number> =>
  (JSON.parse((await exec(['qemu-img', 'info', '-U', '--output=json', image])).stdout) as { 'virtual-size': number })['virtual-size'];

test(
  'linked clones, and linked clones of those: each has its own snapshots and size, and its source keeps what it needs',
  {
    timeout: 120_000,
  },
  async () => {
    await using qemu = await makeRealQemu();
    let driver = await qemu.makeDriver();
    const a = await twoDisks(qemu);
    await driver.define(ctx, { spec: a });
    await scribble(a, 'a');
    await take(driver, a.vmid, 's1');
    await scribble(a, 'b');

    const b = await makeClone(qemu, driver, a, { snapshot: 's1', linked: true });
    assert.equal(await scribbled(b), 'a');
    await scribble(b, 'x');
    await take(driver, b.vmid, 't1');
    await scribble(b, 'y');
    const c = await makeClone(qemu, driver, b, { snapshot: 't1', linked: true });
    assert.equal(await scribbled(c), 'x');
    const { stdout } = await exec(['qemu-img', 'info', '-U', '--backing-chain', '--output=json', path(c)]);
    assert.deepEqual(
      (JSON.parse(stdout) as { filename: string }[]).map(({ filename }) => filename),
      [path(c), path(b), path(a)],
      'what others see of the images is not what the record says',
    );

    // The clone's own snapshots: back, deleted while it is stopped and while it runs.
    await take(driver, c.vmid, 'u1');
    await scribble(c, 'z');
    await facet(driver).rollback(ctx, { vmid: c.vmid, name: 'u1' });
    assert.equal(await scribbled(c), 'x');
    await scribble(c, 'w');
    await driver.start(ctx, { vmid: c.vmid });
    await take(driver, c.vmid, 'u2');
    await facet(driver).delete(ctx, { vmid: c.vmid, name: 'u1' });
    await facet(driver).delete(ctx, { vmid: c.vmid, name: 'u2' });
    assert.deepEqual(await images(c), ['disk0.qcow2', 'disk1.qcow2']);
    await powerOff(driver, c.vmid);
    assert.equal(await scribbled(c), 'w');

    // Whatever their sources do, also with a new daemon, nothing is taken from below the clones.
    await driver.close();
    driver = await qemu.makeDriver();
    for (const { vmid } of [a, b])
      await assert.rejects(driver.undefine(ctx, { vmid }), { code: 'vm.has-clones', message: /a clone needs/ });
    await driver.start(ctx, { vmid: a.vmid });
    await facet(driver).delete(ctx, { vmid: a.vmid, name: 's1' });
    await powerOff(driver, a.vmid);
    await facet(driver).delete(ctx, { vmid: b.vmid, name: 't1' });
    assert.deepEqual([await scribbled(a), await scribbled(a, 0)], ['b', 'a']);
    assert.deepEqual([await scribbled(b), await scribbled(b, 0)], ['y', 'x']);

    // A clone grows over its source's size, when it is made, when it is changed, and while it runs.
    const large = (spec: MachineSpec, sizeBytes: number): MachineSpec => ({
      ...spec,
      disks: spec.disks.map((disk) => (disk.slot === 'disk0' ? { ...disk, sizeBytes } : disk)),
    });
    const made = await cloneSpec(qemu, b);
    await assert.rejects(order(driver)(ctx, { source: b.vmid, snapshot: null, linked: true, spec: large(made, 512 * 1024) }), {
      code: 'vm.spec-invalid',
    });
    const d = large(made, 2 * 1024 * 1024);
    await order(driver)(ctx, { source: b.vmid, snapshot: null, linked: true, spec: d });
    await driver.define(ctx, { spec: d });
    assert.deepEqual([await sizeOf(path(d)), await sizeOf(path(d, 'disk1'))], [2 * 1024 * 1024, 1024 * 1024]);
    await driver.define(ctx, { spec: large(d, 3 * 1024 * 1024) });
    await driver.start(ctx, { vmid: d.vmid });
    assert.deepEqual(await driver.hotplug?.change(ctx, { spec: large(d, 4 * 1024 * 1024) }), { pending: [] });
    await powerOff(driver, d.vmid);
    assert.equal(await sizeOf(path(d)), 4 * 1024 * 1024);
    assert.equal(await scribbled(d), 'y');
    assert.equal(await exec(['qemu-io', '-c', 'read -P 0 1M 3M', path(d)]).then(({ stdout: said }) => /failed/i.test(said)), false);

    // A source that was cloned as it is does not start, and nobody else's image is taken for a clone's.
    await assert.rejects(driver.start(ctx, { vmid: b.vmid }), { code: 'vm.has-clones', message: /a clone needs/ });
    const forged = { ...a, vmid: a.vmid + 100, uuid: '0b1d2c3e-0000-4000-8000-000000000102', disks: [{ ...a.disks[0]!, path: path(d) }] };
    const elsewhere = { directory: `${a.directory}1`, runtimeDirectory: `${a.runtimeDirectory}1` };
    await assert.rejects(driver.define(ctx, { spec: { ...forged, ...elsewhere } }), {
      code: 'storage.volume-refused',
      message: /backing file/,
    });

    for (const { vmid } of [d, c]) await driver.undefine(ctx, { vmid });
    await driver.start(ctx, { vmid: b.vmid });
    await powerOff(driver, b.vmid);
    assert.equal(await scribbled(b), 'y');
    await driver.undefine(ctx, { vmid: b.vmid });
    await take(driver, a.vmid, 's2');
    await facet(driver).delete(ctx, { vmid: a.vmid, name: 's2' });
    assert.deepEqual(await images(a), ['disk0.qcow2', 'disk1.qcow2'], 'images are kept that nobody needs');
    assert.equal(await scribbled(a), 'b');
    await remove(qemu, driver, a.vmid);
  },
);

/** Tries what a guest that has broken out of a linked clone's QEMU would try, and says what it could do. */
const intruder = `
use strict;
my ($base, $source) = @ARGV;
sub look { my ($name, $ok) = @_; print "$name: ", ($ok ? 'yes' : "no ($!)"), "\\n" }
look('base read', open my $a, '<', $base);
look('base written', open my $b, '+<', $base);
look('base made writable', chmod 0666, $base);
look('base replaced', rename $base, "$base.old");
look('base removed', unlink $base);
opendir my $d, $source;
print join(' ', 'seen:', sort grep { !/^\\.+$/ } readdir $d), "\\n";
print "done\\n";
`;

async function isPossible(t: TestContext): Promise<boolean> {
  const isolation = await probeIsolation();
  if (isolation.ok) return true;
  assert.ok(!isRequired('qemu'), isolation.reason);
  t.skip(isolation.reason);
  return false;
}

/** Names of the VM's image files that its QEMU has open for writing. */
async function writable(pid: number, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    const flags = /^flags:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => ''))?.[1] ?? '0';
    if (target.startsWith(`${folder}/`) && target.endsWith('.qcow2') && (Number.parseInt(flags, 8) & 3) !== 0)
      found.push(target.slice(folder.length + 1));
  }
  return [...new Set(found)].toSorted();
}

test(
  "a linked clone reads its source's frozen images and nothing else of it, and neither can write to them",
  { timeout: 60_000 },
  async (t) => {
    if (!(await isPossible(t))) return;
    await using qemu = await makeRealQemu();
    const owner = 'test0016';
    const driver = await qemu.makeDriver({ owner });
    const a = await twoDisks(qemu);
    await driver.define(ctx, { spec: a });
    await scribble(a, 'a');
    await driver.start(ctx, { vmid: a.vmid });
    await take(driver, a.vmid, 's1');
    const b = await makeClone(qemu, driver, a, { snapshot: 's1', linked: true });
    await driver.start(ctx, { vmid: b.vmid });
    const pid = (await driver.inspect(ctx, { vmid: b.vmid }))?.pid ?? 0;
    const sourcePid = (await driver.inspect(ctx, { vmid: a.vmid }))?.pid ?? 0;
    const own = vmIdentity({ owner, vmid: a.vmid });
    const clone = vmIdentity({ owner, vmid: b.vmid });

    // QEMU 10 opens even these for reading alone, until its guest writes.
    const foreign = async (of: number, folder: string, ...own: string[]): Promise<string[]> =>
      (await writable(of, qemu.folder + folder)).filter((file) => !own.includes(file));
    assert.deepEqual(await foreign(sourcePid, `/images/${a.vmid}`, 'disk0.layer1.qcow2', 'disk1.layer1.qcow2'), []);
    assert.deepEqual(await foreign(pid, '/images', `${b.vmid}/disk0.qcow2`, `${b.vmid}/disk1.qcow2`), []);
    const root = `/proc/${pid}/root${qemu.folder}/images`;
    assert.deepEqual((await readdir(root)).toSorted(), [String(a.vmid), String(b.vmid)].toSorted());
    assert.deepEqual((await readdir(join(root, String(a.vmid)))).toSorted(), ['disk0.qcow2', 'disk1.qcow2']);

    const confinement = createConfinement({
      owner,
      isolate: true,
      mediaFolders: [],
      program: 'qemu-system-x86_64',
      programFolders: [],
      userfaultfd: false,
      sharing: { isHeld: () => false, basesOf: () => a.disks.map((disk) => disk.path) },
    });
    const argv = ['perl', '-e', intruder, path(a), a.directory];
    const place = join(qemu.folder, 'run');
    const plan = { ...(await confinement.plan(b, argv, { kvm: false, cgroups: [] })), exitPath: join(place, 'exit') };
    const { supervisor } = await spawnSupervised(plan, { planPath: join(place, 'plan'), logPath: join(place, 'log') });
    assert.ok(await waitForExit(supervisor, { timeoutMs: 10_000 }));
    const said = await readFile(join(place, 'log'), 'utf8');
    assert.match(said, /^done$/m);
    assert.deepEqual(said.match(/^.*: yes$/gm), ['base read: yes'], said);
    assert.match(said, /^seen: disk0\.qcow2 disk1\.qcow2$/m);
    await exec(['rm', join(place, 'exit'), join(place, 'log')]);

    // The source goes on as it pleases meanwhile.
    await take(driver, a.vmid, 's2');
    await powerOff(driver, a.vmid);
    await driver.start(ctx, { vmid: a.vmid });
    assert.equal(await stateOf(driver, a.vmid), 'running');
    for (const { slot } of a.disks) assert.equal(await modeOf(path(a, slot)), '444 0:0');
    assert.equal(await modeOf(join(a.directory, 'disk0.layer1.qcow2')), `600 ${own.uid}:${own.gid}`);
    assert.equal(await modeOf(path(b)), `600 ${clone.uid}:${clone.gid}`);

    await powerOff(driver, b.vmid);
    await driver.undefine(ctx, { vmid: b.vmid });
    for (const name of ['s1', 's2']) await facet(driver).delete(ctx, { vmid: a.vmid, name });
    assert.deepEqual(await images(a), ['disk0.qcow2', 'disk1.qcow2'], 'they are not written to again');
    assert.equal(await modeOf(path(a)), `600 ${own.uid}:${own.gid}`);
    assert.equal(await stateOf(driver, a.vmid), 'running');
    await remove(qemu, driver, a.vmid);
  },
);

test(
  'a clone for which there is no room, or that is cancelled, leaves nothing, and its source as it was',
  { timeout: 60_000 },
  async () => {
    await using qemu = await makeRealQemu();
    const small = join(qemu.folder, 'images');
    await exec(['mount', '-t', 'tmpfs', '-o', 'size=40M', 'tmpfs', small]);
    await using unmount = new AsyncDisposableStack();
    unmount.defer(async () => void (await exec(['umount', '--lazy', small])));
    const driver = await qemu.makeDriver();
    const base = await twoDisks(qemu);
    const a = { ...base, disks: base.disks.map((disk) => ({ ...disk, sizeBytes: 32 * 1024 * 1024 })) };
    await driver.define(ctx, { spec: a });
    await exec(['qemu-io', '-c', 'write -P 7 0 24M', path(a)]);
    await driver.start(ctx, { vmid: a.vmid });
    const spec = await cloneSpec(qemu, a);
    const attempt = (own = ctx): Promise<void> => order(driver)(own, { source: a.vmid, snapshot: null, linked: false, spec });
    const nothingLeft = async (): Promise<void> => {
      assert.deepEqual([...(await filesIn(spec.directory)), ...(await filesIn(spec.runtimeDirectory))], []);
      assert.equal(await driver.inspect(ctx, { vmid: spec.vmid }), null);
      assert.deepEqual(await images(a), ['disk0.qcow2', 'disk1.qcow2']);
      assert.equal(await stateOf(driver, a.vmid), 'running');
    };

    await assert.rejects(attempt(), { code: 'storage.failed', message: /No space left on device/ });
    await nothingLeft();
    // A word while it copies, which it tells of first.
    const cancelled = testContext();
    const told = { ...cancelled, progress: (): void => cancelled.abort(new Error('enough')) };
    await assert.rejects(attempt(told), /enough/);
    await nothingLeft();
    // What lies there already is nobody's to overwrite.
    const foreign = path(spec);
    await exec(['mkdir', '-p', spec.directory, spec.runtimeDirectory]);
    await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', foreign, '1M']);
    await assert.rejects(attempt(), { code: 'storage.volume-refused' });
    assert.ok((await stat(foreign)).size > 0);
    await exec(['rm', foreign]);
    assert.deepEqual(await names(driver, a.vmid), []);

    await exec(['mount', '-o', 'remount,size=120M', small]);
    const fractions: number[] = [];
    await attempt({ ...ctx, progress: (fraction) => void fractions.push(fraction) });
    await nothingChanged(fractions);
    await driver.define(ctx, { spec });
    await exec(['qemu-io', '-r', '-c', 'read -P 7 0 24M', path(spec)]);
    await driver.undefine(ctx, { vmid: spec.vmid });
    await remove(qemu, driver, a.vmid);
  },
);

/** Shares of the work only grow, up to all of it. */
async function nothingChanged(fractions: readonly number[]): Promise<void> {
  assert.ok(fractions.length > 4, String(fractions));
  assert.deepEqual(
    fractions,
    fractions.toSorted((one, other) => one - other),
  );
  assert.equal(fractions.at(-1), 1);
}

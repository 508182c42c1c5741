import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { exec, networkOwner, probeIsolation, virtualBoxIdentity, vmIdentity, waitFor } from '@nakhoda/host';

import { AdoptedFolders } from './foreign/adopted-folders.ts';
import { hardwareSupport } from './hardware.ts';
import { makeRealHost, processesOf, type RealHost } from './testing/real-host.ts';

// As whom VirtualBox's programs really run. Nothing boots in the VM.
const ctx = testContext();
const vmid = 101;
let host: RealHost;
let spec: MachineSpec;

before(async () => {
  host = await makeRealHost();
  const hardware = hardwareSupport('interpreter');
  spec = await machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware, cdrom: null });
});
after(() => host.dispose());

async function isPossible(t: TestContext): Promise<boolean> {
  const isolation = await probeIsolation();
  if (host.runtime !== null && isolation.ok) return true;
  const reason = host.runtime === null ? 'VirtualBox is not set up.' : isolation.ok ? '' : isolation.reason;
  assert.ok(!isRequired('virtualbox'), reason);
  t.skip(reason);
  return false;
}

interface Running {
  pid: number;
  program: string;
  field(name: string): string;
}

/** VirtualBox's programs, and the X server, of this data folder. */
async function running(): Promise<Running[]> {
  const found: Running[] = [];
  for (const { pid, commandLine } of await processesOf(host.userHome)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const field = (name: string): string => new RegExp(`^${name}:[ \t]*(.*?)[ \t]*$`, 'm').exec(status)?.[1] ?? '';
    if (status !== '') found.push({ pid, program: basename(commandLine.split(' ')[0] ?? ''), field });
  }
  return found;
}

const uids = async (program: string): Promise<string[]> =>
  (await running()).filter((one) => one.program === program).map(({ field }) => field('Uid').split('\t')[0] ?? '');

async function endService(): Promise<void> {
  for (const { pid } of (await running()).filter(({ program }) => program === 'VBoxSVC')) process.kill(pid, 'SIGTERM');
  assert.ok(await waitFor(async () => (await running()).length === 0, { timeoutMs: 20_000, pollMs: 50 }), 'programs of VirtualBox stay');
}

const modes = async (path: string): Promise<string> => {
  const found = await stat(path);
  return `${(found.mode & 0o7777).toString(8)} ${found.uid}:${found.gid}`;
};

/** Tries what a guest that has broken out of its VM would try, and prints what it could do. */
const intruder = String.raw`
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name: yes"; else echo "$name: no"; fi; }
data=$1; own=$2; run=$3; other=$4
try 'read its own disk' head -c 1 "$own/disk0.vdi"
try 'make a file beside its disk' touch "$own/new.vdi"
try 'read the database' cat "$data/nakhoda.db"
try 'list the data folder of the host' test -e "$data/auth"
try 'list all VMs' ls "$data/images"
try 'enter the folder of a QEMU VM' ls "$other"
try 'read the disk of a QEMU VM' head -c 1 "$other/disk0.qcow2"
try 'read its record' cat "$own/machine.json"
try 'replace its record' mv "$own/new.vdi" "$own/machine.json"
try 'replace the record of its run' mv "$own/new.vdi" "$run/process.json"
try 'read the folders of adopted VMs' cat "$data/virtualbox/account/owner.json"
try 'change who it is' sh -c "echo x > $data/virtualbox/account/passwd"
try 'list the home of root' sh -c 'test -n "$(ls -A /root)" && ls /root/.ssh /root/.bashrc'
try 'read passwords' cat /etc/shadow
try 'see the processes of others' test -e /proc/1
try 'make a device' mknod "$run/device" c 1 3
try 'mount' mount -t tmpfs none /tmp
rm -f "$own/new.vdi"
`;

async function intrude(driver: Driver): Promise<void> {
  const other = join(host.folder, 'images', '777');
  const { gid } = vmIdentity({ owner: networkOwner(host.folder), vmid: 777 });
  await mkdir(other, { recursive: true });
  await writeFile(join(other, 'disk0.qcow2'), 'QFI');
  await chown(join(other, 'disk0.qcow2'), gid, gid);
  await chown(other, 0, gid);
  await chmod(other, 0o710);
  for (const path of ['nakhoda.db', 'auth']) await writeFile(join(host.folder, path), 'secret', { mode: 0o600 });
  const command = await host.account.command('/usr/bin/sh', [
    '-c',
    intruder,
    'intruder',
    host.folder,
    spec.directory,
    spec.runtimeDirectory,
    other,
  ]);
  const { stdout } = await exec(command, { env: host.programEnvironment() });
  const could = stdout.split('\n').flatMap((line) => (line.endsWith(': yes') ? [line.slice(0, -5)] : []));
  assert.deepEqual(could, ['read its own disk', 'make a file beside its disk'], stdout);
  assert.equal(stdout.trim().split('\n').length, 17);
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running');
}

/** Folders that lie outside the data folder, once VirtualBox's service runs already. */
async function lendLater(t: TestContext, identity: { uid: number; gid: number }): Promise<void> {
  const foreign = await mkdtemp('/var/tmp/nk-lend-');
  t.after(() => rm(foreign, { recursive: true }));
  await chmod(foreign, 0o700);
  const [folder, other] = [join(foreign, 'the VM'), join(foreign, 'disks')];
  for (const path of [folder, other]) await mkdir(path, { mode: 0o700 });
  const files = [join(folder, 'a.vdi'), join(other, 'b.vdi')];
  for (const path of [folder, ...files]) {
    if (path !== folder) await writeFile(path, basename(path), { mode: 0o600 });
    await chown(path, identity.uid, identity.gid);
  }
  await writeFile(join(other, 'letter'), 'private', { mode: 0o644 });
  // As the daemon's is.
  const mask = process.umask(0o077);
  t.after(() => process.umask(mask));
  const folders = new AdoptedFolders(host.userHome, host.runtime);
  t.after(() => folders.remove(vmid));
  // Repeated, as a task that is interrupted repeats it.
  for (let time = 0; time < 2; time += 1) await folders.add(vmid, [folder, other], host.account);
  const service = (await running()).find(({ program }) => program === 'VBoxSVC');
  const root = `/proc/${service?.pid}/root`;
  assert.deepEqual(await readdir(join(root, folder)), ['a.vdi']);
  assert.deepEqual(await readdir(join(root, other)), ['b.vdi']);
  assert.match(await modes(join(root, foreign)), /^755 /u);
  const mounts = await readFile(`/proc/${service?.pid}/mountinfo`, 'utf8');
  assert.equal(mounts.match(/nk-lend-/gu)?.length, 2 * 2, mounts);
  assert.match(mounts, /^\S+ \S+ \S+ \S+ \/ ro,/mu);
}

test('a data folder of root passes to the account when nothing of it runs, and goes back', { timeout: 120_000 }, async (t) => {
  if (!(await isPossible(t))) return;
  const { uid, gid } = virtualBoxIdentity(networkOwner(host.folder));
  const own = String(uid);
  const asRoot = host.makeDriver({ isolate: false });
  let driver = host.makeDriver();
  t.after(async () => {
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
    await driver.undefine(ctx, { vmid });
    await driver.close();
  });
  const told = async (one: Driver): Promise<string> => {
    const { reasons, execution } = await one.probe(ctx);
    return [...reasons, execution?.reason].join(' ');
  };

  await t.test('what root had begun goes on as root', async () => {
    await asRoot.define(ctx, { spec });
    await asRoot.start(ctx, { vmid });
    assert.match(await told(asRoot), /not isolated, and runs as the daemon's user\. Isolation is switched off/u);
    assert.deepEqual(await uids('VirtualBoxVM'), ['0']);
    assert.match(await told(driver), /not isolated.*\(process \d+\) was started as user 0 and still runs/u);
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
    assert.deepEqual(await uids('VBoxSVC'), ['0']);
    await asRoot.close();
    await endService();
  });

  await t.test('then its programs are the account, which has no power and sees its own files', async () => {
    const taken = await waitFor(async () => (await host.account.state()).kind === 'own', { timeoutMs: 10_000, pollMs: 100 });
    assert.ok(taken);
    // What the driver itself ran last was root's.
    assert.ok(await waitFor(async () => /account of its own/u.test(await told(driver)), { timeoutMs: 10_000, pollMs: 2500 }));
    await driver.start(ctx, { vmid });
    const programs = await running();
    assert.deepEqual(programs.map(({ program }) => program).toSorted(), ['VBoxSVC', 'VirtualBoxVM', 'Xvfb']);
    for (const { program, field } of programs) {
      assert.deepEqual(field('Uid').split('\t'), Array<string>(4).fill(own), program);
      assert.deepEqual(field('Gid').split('\t'), Array<string>(4).fill(String(gid)), program);
      assert.equal(field('Groups'), '', program);
      for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(field(name), /^0+$/u, `${program} ${name}`);
      assert.equal(field('NoNewPrivs'), '1', program);
    }
    assert.equal((await driver.inspect(ctx, { vmid }))?.pid, programs.find(({ program }) => program === 'VirtualBoxVM')?.pid);
    assert.equal(await modes(spec.directory), `1770 0:${gid}`);
    assert.equal(await modes(spec.runtimeDirectory), `1770 0:${gid}`);
    assert.equal(await modes(spec.disks[0]?.path ?? ''), `600 ${uid}:${gid}`);
    for (const path of [join(spec.directory, 'machine.json'), join(spec.runtimeDirectory, 'process.json')])
      assert.equal(await modes(path), '600 0:0', path);
    for (const { pid } of programs) {
      const root = `/proc/${pid}/root`;
      assert.deepEqual((await readdir(join(root, host.folder))).toSorted(), ['images', 'run', 'virtualbox']);
      for (const path of ['/home', '/srv', '/boot', '/run']) await assert.rejects(stat(join(root, path)), { code: 'ENOENT' }, path);
    }
    await intrude(driver);
    await lendLater(t, { uid, gid });
    assert.ok((await driver.screen?.screenshot(ctx, { vmid }))?.length);
  });

  await t.test('a daemon that may not isolate starts no second service beside it, and takes over after it', async () => {
    const later = host.makeDriver({ isolate: false });
    assert.match(await told(later), /runs as its own account, user \d+, but no more programs can be started as that/u);
    assert.equal((await later.inspect(ctx, { vmid }))?.state, 'running');
    await assert.rejects(later.pause!.pause(ctx, { vmid }), { code: 'hypervisor.unusable' });
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
    for (const one of [later, driver]) await one.close();
    await endService();
    const back = host.makeDriver({ isolate: false });
    await back.define(ctx, { spec: { ...spec, memoryMiB: spec.memoryMiB + 8 } });
    await back.close();
    assert.deepEqual(await uids('VBoxSVC'), ['0']);
    await endService();
    driver = host.makeDriver();
    await driver.define(ctx, { spec });
    assert.deepEqual(await uids('VBoxSVC'), [own]);
  });
});

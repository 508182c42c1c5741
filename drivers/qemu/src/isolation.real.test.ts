import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { isRequired, testContext } from '@nakhoda/driver/contract';
import {
  isAlive,
  probeIsolation,
  type ProcessRef,
  processRef,
  readCgroupFacts,
  spawnSupervised,
  vmIdentity,
  waitFor,
  waitForExit,
} from '@nakhoda/host';

import { createConfinement } from './confinement.ts';
import type { HostDevicePlan } from './host-devices.ts';
import type { RunRecord } from './machine-record.ts';
import { machinePaths } from './machine-paths.ts';
import { QmpClient } from './qmp/qmp-client.ts';
import { makeRealQemu, type RealQemu } from './testing/real-qemu.ts';

const ctx = testContext();
const owner = 'test0001';

/** Not for somebody who is not root; where QEMU is required, so is this. */
async function isPossible(t: TestContext): Promise<boolean> {
  const isolation = await probeIsolation();
  if (isolation.ok) return true;
  assert.ok(!isRequired('qemu'), isolation.reason);
  t.skip(isolation.reason);
  return false;
}

/** A VM that runs its BIOS. */
async function runningVm(qemu: RealQemu, driver: Driver, overrides: Partial<MachineSpec> = {}): Promise<MachineSpec> {
  const spec = await qemu.spec({ cdrom: null, memoryMiB: 32, ...overrides });
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid: spec.vmid });
  return spec;
}

async function remove(driver: Driver, ...specs: MachineSpec[]): Promise<void> {
  for (const { vmid } of specs) {
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
    await driver.undefine(ctx, { vmid });
  }
  await driver.close();
}

const runOf = async (spec: MachineSpec): Promise<RunRecord & { supervisor: ProcessRef }> =>
  JSON.parse(await readFile(machinePaths(spec).boot, 'utf8')) as RunRecord & { supervisor: ProcessRef };

const stateOf = async (driver: Driver, vmid: number): Promise<string> => {
  const status = await driver.inspect(ctx, { vmid });
  return `${status?.state}${status?.reason === undefined ? '' : `: ${status.reason}`}`;
};

const crashed = (driver: Driver, vmid: number): Promise<string | null> =>
  waitFor(async () => /^crashed.*/.exec(await stateOf(driver, vmid))?.[0] ?? null, { timeoutMs: 5_000, pollMs: 20 });

async function processStatus(pid: number): Promise<(name: string) => string> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return (name) => new RegExp(`^${name}:[ \t]*(.*?)[ \t]*$`, 'm').exec(text)?.[1] ?? '';
}

test('QEMU runs as the user of its VM, with no power, and sees its own files alone', async (t) => {
  if (!(await isPossible(t))) return;
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver({ owner });
  const other = await qemu.spec({ cdrom: null });
  await driver.define(ctx, { spec: other });
  const spec = await runningVm(qemu, driver);
  const { uid, gid } = vmIdentity({ owner, vmid: spec.vmid });
  const pid = (await driver.inspect(ctx, { vmid: spec.vmid }))?.pid ?? 0;
  assert.deepEqual(await qemu.pids(spec.vmid), [pid], 'the pid that is told is QEMU');

  const field = await processStatus(pid);
  assert.equal(field('Name'), 'qemu-system-x86');
  assert.deepEqual(field('Uid').split('\t'), Array<string>(4).fill(String(uid)));
  assert.deepEqual(field('Gid').split('\t'), Array<string>(4).fill(String(gid)));
  assert.equal(field('Groups'), '');
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(field(name), /^0+$/, name);
  assert.deepEqual([field('NoNewPrivs'), field('Seccomp')], ['1', '2']);

  const root = `/proc/${pid}/root`;
  assert.deepEqual((await readdir(join(root, qemu.folder))).sort(), ['images', 'run']);
  assert.deepEqual(await readdir(join(root, qemu.folder, 'images')), [String(spec.vmid)]);
  assert.deepEqual(await readdir(join(root, qemu.folder, 'run')), [String(spec.vmid)]);
  for (const path of ['/home', '/root', '/var', '/proc', '/sys', '/run', '/etc/passwd', '/dev/kvm'])
    await assert.rejects(stat(join(root, path)), { code: 'ENOENT' }, path);

  const modes = async (path: string): Promise<string> => {
    const found = await stat(path);
    return `${(found.mode & 0o7777).toString(8)} ${found.uid}:${found.gid}`;
  };
  const paths = machinePaths(spec);
  assert.equal(await modes(spec.directory), `710 0:${gid}`);
  assert.equal(await modes(spec.runtimeDirectory), `1770 0:${gid}`);
  assert.equal(await modes(spec.disks[0]?.path ?? ''), `600 ${uid}:${gid}`);
  const sockets = (await readdir(spec.runtimeDirectory, { withFileTypes: true })).filter((entry) => entry.isSocket());
  assert.ok(sockets.length >= 3);
  for (const { name } of sockets) assert.equal(await modes(join(spec.runtimeDirectory, name)), '600 0:0', name);
  for (const path of [paths.record, paths.boot, paths.qemuLog]) assert.equal(await modes(path), '600 0:0', path);
  await remove(driver, spec, other);
  assert.deepEqual(await qemu.leftovers(), []);
});

/** Tries what a guest that has broken out of its QEMU would try, and says what it could do. */
const intruder = `
use strict;
use Socket;
my ($own, $run, $foreign, $database, $pid) = @ARGV;
sub look { my ($name, $ok) = @_; print "$name: ", ($ok ? 'yes' : "no ($!)"), "\\n" }
sub talk { socket my $s, PF_UNIX, SOCK_STREAM, 0; connect $s, sockaddr_un($_[0]) }
look('own disk', open my $a, '+<', "$own/disk0.qcow2");
look('own socket made', do { socket my $s, PF_UNIX, SOCK_STREAM, 0; bind $s, sockaddr_un("$run/new.sock") });
look('own record read', open my $b, '<', "$own/machine.json");
look('own record replaced', rename "$own/disk0.qcow2", "$own/machine.json");
look('run record read', open my $c, '<', "$run/process.json");
look('run record removed', unlink "$run/process.json");
look('own QMP socket', talk("$run/qmp.sock"));
look('own QMP socket removed', unlink "$run/qmp.sock");
look("another's disk", open my $d, '<', "$foreign/disk0.qcow2");
look("another's folder", -e $foreign);
look('database', open my $e, '<', $database);
look('signal to the other QEMU', kill 0, $pid);
print "done\\n";
`;

test("a program in the place of QEMU reaches neither another VM's disk nor the database nor any record", async (t) => {
  if (!(await isPossible(t))) return;
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver({ owner });
  const other = await runningVm(qemu, driver);
  const spec = await runningVm(qemu, driver);
  const database = join(qemu.folder, 'nakhoda.db');
  // Open to everybody who gets there, so that the view alone has to keep it shut.
  await writeFile(database, 'secret', { mode: 0o666 });
  const confinement = createConfinement({
    owner,
    isolate: true,
    mediaFolders: [],
    program: 'qemu-system-x86_64',
    programFolders: [],
    userfaultfd: false,
  });
  const argv = [
    'perl',
    '-e',
    intruder,
    spec.directory,
    spec.runtimeDirectory,
    other.directory,
    database,
    String((await runOf(other)).process.pid),
  ];
  const place = join(qemu.folder, 'intruder');
  await mkdir(place);
  const plan = { ...(await confinement.plan(spec, argv, { kvm: false, cgroups: [] })), exitPath: join(place, 'exit') };
  const { supervisor } = await spawnSupervised(plan, { planPath: join(place, 'plan'), logPath: join(place, 'log') });
  assert.ok(await waitForExit(supervisor, { timeoutMs: 10_000 }));
  const said = await readFile(join(place, 'log'), 'utf8');
  assert.match(said, /^done$/m);
  assert.deepEqual(said.match(/^.*: yes$/gm), ['own disk: yes', 'own socket made: yes'], said);
  await remove(driver, spec, other);
});

test('devices of the host: their nodes and folders are in the view of the one VM, the memory lock is set, the host keeps all', async (t) => {
  if (!(await isPossible(t))) return;
  await using qemu = await makeRealQemu();
  // Whichever there are: neither a USB bus nor VFIO is on every machine.
  const node = ['/dev/ttyS0', '/dev/loop-control', '/dev/fuse', '/dev/hwrng'].find((path) => existsSync(path));
  const [address] = await readdir('/sys/bus/pci/devices').catch(() => []);
  if (node === undefined || address === undefined) {
    t.skip('This machine has no device that could be lent, or no PCI bus.');
    return;
  }
  const folder = `/sys/bus/pci/devices/${address}`;
  const spec = await qemu.spec({ cdrom: null });
  const program = 'qemu-system-x86_64';
  const confinement = createConfinement({ owner, isolate: true, mediaFolders: [], program, programFolders: [], userfaultfd: false });
  await confinement.prepare(spec);
  const place = join(qemu.folder, 'devices');
  await mkdir(place);
  const before = await stat(node);
  const script = `ulimit -l; [ -c ${node} ] && [ -w ${node} ] && echo node; cat ${folder}/vendor; ls /sys/bus/pci/devices; [ -w ${folder}/uevent ] || echo read-only`;
  const look = async (host?: HostDevicePlan): Promise<string[]> => {
    const planned = await confinement.plan(spec, ['sh', '-c', script], { kvm: false, cgroups: [], ...(host ? { host } : {}) });
    const plan = { ...planned, exitPath: join(place, 'exit') };
    const { supervisor } = await spawnSupervised(plan, { planPath: join(place, 'plan'), logPath: join(place, 'log') });
    assert.ok(await waitForExit(supervisor, { timeoutMs: 10_000 }));
    const said = await readFile(join(place, 'log'), 'utf8');
    await rm(join(place, 'log'));
    return said.trim().split('\n');
  };
  // No more than any user may: to raise it takes a capability that root has not everywhere.
  const lent = await look({ usb: {}, nodes: [node], folders: [folder], lockedBytes: 4 * 1024 * 1024 });
  assert.deepEqual(lent, [String(4 * 1024), 'node', (await readFile(`${folder}/vendor`, 'utf8')).trim(), address, 'read-only']);
  const without = (await look()).join(' ');
  assert.doesNotMatch(without, /node|^4096 /);
  assert.match(without, /vendor'?: No such file/);
  const after = await stat(node);
  assert.deepEqual([after.uid, after.gid, after.mode], [before.uid, before.gid, before.mode]);
});

test('how QEMU ended is told, also when no daemon was there', async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver({ owner });
  const spec = await runningVm(qemu, driver);
  const { vmid } = spec;
  process.kill((await runOf(spec)).process.pid, 'SIGKILL');
  assert.match((await crashed(driver, vmid)) ?? '', /process \d+ was killed by signal 9 \(SIGKILL\)/);

  await driver.start(ctx, { vmid });
  await driver.close();
  const { process: second, supervisor } = await runOf(spec);
  process.kill(second.pid, 'SIGSEGV');
  assert.ok(await waitForExit(supervisor, { timeoutMs: 5_000 }));
  const next = await qemu.makeDriver({ owner });
  assert.match((await crashed(next, vmid)) ?? '', /was killed by signal 11 \(SIGSEGV\)/);

  await next.start(ctx, { vmid });
  // QEMU ends itself in order when it is told by SIGTERM, for which nobody asked here.
  process.kill((await runOf(spec)).process.pid, 'SIGTERM');
  assert.match((await crashed(next, vmid)) ?? '', /ended with exit code 0; nobody had told it/);
  await remove(next, spec);
  assert.deepEqual(await qemu.leftovers(), []);
});

test('a killed supervisor takes neither the guest nor the hold on it away', async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver({ owner });
  const spec = await runningVm(qemu, driver);
  const { vmid } = spec;
  const run = await runOf(spec);
  process.kill(run.supervisor.pid, 'SIGKILL');
  assert.ok(await waitForExit(run.supervisor, { timeoutMs: 5_000 }));
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.equal((await driver.inspect(ctx, { vmid }))?.pid, run.process.pid);
  await driver.close();
  const next = await qemu.makeDriver({ owner });
  assert.equal(await stateOf(next, vmid), 'running');
  process.kill(run.process.pid, 'SIGKILL');
  assert.match((await crashed(next, vmid)) ?? '', /ended although nobody had told it to/);
  await next.start(ctx, { vmid });
  const again = await runOf(spec);
  process.kill(again.supervisor.pid, 'SIGKILL');
  await remove(next, spec);
  assert.equal(processRef(again.process.pid), null);
  assert.deepEqual(await qemu.leftovers(), []);
});

test('a QEMU that an older version started as root is taken over, and its files go to its user at the next start', async (t) => {
  if (!(await isPossible(t))) return;
  await using qemu = await makeRealQemu();
  const former = await qemu.makeDriver({ owner, isolate: false });
  const spec = await runningVm(qemu, former);
  const { vmid } = spec;
  await former.close();
  const { supervisor, cgroups: _cgroups, ...run } = await runOf(spec);
  process.kill(supervisor.pid, 'SIGKILL');
  await writeFile(machinePaths(spec).boot, JSON.stringify(run));
  assert.equal((await processStatus(run.process.pid))('Uid').split('\t')[0], '0');

  const driver = await qemu.makeDriver({ owner });
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.equal((await driver.inspect(ctx, { vmid }))?.pid, run.process.pid);
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  assert.ok(!isAlive(run.process));
  await driver.start(ctx, { vmid });
  const { uid } = vmIdentity({ owner, vmid });
  assert.equal((await processStatus((await runOf(spec)).process.pid))('Uid').split('\t')[0], String(uid));
  await remove(driver, spec);
  assert.deepEqual(await qemu.leftovers(), []);
});

test('an isolated QEMU may take background snapshots where that was allowed, and not otherwise', async (t) => {
  if (!(await isPossible(t))) return;
  if (process.arch !== 'x64') return t.skip('The filter knows x86-64 only.');
  await using qemu = await makeRealQemu();
  for (const userfaultfd of [true, false]) {
    const driver = await qemu.makeDriver({ owner, userfaultfd });
    const spec = await runningVm(qemu, driver);
    const run = await runOf(spec);
    assert.match((await processStatus(run.process.pid))('CapEff'), userfaultfd ? /^0*80000$/ : /^0+$/);
    // The driver holds the QMP connection, and QEMU serves one.
    await driver.close();
    const qmp = await QmpClient.connect({ socketPath: machinePaths(spec).qmpSocket, timeoutMs: 5_000 });
    const capabilities = [{ capability: 'background-snapshot', state: true }];
    const asked = qmp.execute('migrate-set-capabilities' as 'query-status', { capabilities } as never).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
    const always = (await readFile('/proc/sys/vm/unprivileged_userfaultfd', 'utf8')).trim() === '1';
    assert.match(await asked, userfaultfd || always ? /^accepted$/ : /^accepted$|not supported by host kernel/);
    qmp.close();
    await remove(await qemu.makeDriver({ owner }), spec);
  }
});

test('a VM is held to its limits, and its control groups go with it', async (t) => {
  if (readCgroupFacts().version === null || process.getuid?.() !== 0) return t.skip('This host has no control groups that can be written.');
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver({ owner });
  const spec = await runningVm(qemu, driver, { cpuLimit: 0.5, cpuShares: 50 });
  const { process: qemuProcess, cgroups = [] } = await runOf(spec);
  assert.match(await readFile(`/proc/${qemuProcess.pid}/cgroup`, 'utf8'), new RegExp(`/nakhoda-${owner}/${spec.vmid}$`, 'm'));
  assert.equal(cgroups.length, 1);
  process.kill(qemuProcess.pid, 'SIGKILL');
  await crashed(driver, spec.vmid);
  await driver.start(ctx, { vmid: spec.vmid });
  await remove(driver, spec);
  for (const path of cgroups) await assert.rejects(stat(path), { code: 'ENOENT' });
});

test('VMs that would share a user are refused', async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver({ owner });
  const spec = await qemu.spec({ cdrom: null });
  await driver.define(ctx, { spec });
  const twin = { ...spec, vmid: spec.vmid + 2 ** 20, uuid: '0b1d2c3e-0000-4000-8000-000000000102' };
  const folders = { directory: `${spec.directory}1`, runtimeDirectory: `${spec.runtimeDirectory}1`, disks: [] };
  await assert.rejects(driver.define(ctx, { spec: { ...twin, ...folders } }), { code: 'vm.spec-invalid', message: /same user as VM/ });
  await remove(driver, spec);
});

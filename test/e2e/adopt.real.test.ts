import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, type TestContext, test } from 'node:test';

import type { ForeignList, Snapshot, Task, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { daemonVBoxManage } from '../support/daemon-virtualbox.ts';
import { attachedDisk, type ForeignUserHost, makeForeignUser, makeForeignVms } from '../support/foreign-virtualbox.ts';

/** VMs that a user of the host has made with VBoxManage: listed, adopted, used, and given back. */
let daemon: DaemonProcess;
let foreign: ForeignUserHost;
const odd = 'Odd one (ü)';

before(async () => {
  foreign = await makeForeignUser();
  await makeForeignVms(foreign);
  daemon = await startDaemon({ hypervisors: 'virtualbox' });
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await foreign?.dispose();
});

const adopt = (machine: string, ...more: string[]): Promise<Task> =>
  daemon.json<Task>('vm', 'adopt', `${foreign.user}/${machine}`, ...more);
const logOf = async (task: Task): Promise<string> => (await daemon.cli(['task', 'follow', task.id])).stderr;

async function refused(words: RegExp, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await daemon.cli(args);
  assert.notEqual(exitCode, 0, args.join(' '));
  assert.match(stderr, words, args.join(' '));
}

test('the administrator names the user; while VirtualBox is open, its VMs are listed and cannot be had', async () => {
  await refused(/foreign\.user-not-found/, 'foreign', 'users', 'add', 'no-such-user');
  await refused(/foreign\.user-not-found/, 'vm', 'adopt', `${foreign.user}/web server`);
  await daemon.json('foreign', 'users', 'add', foreign.user, '--settings', foreign.settings);
  // They belong to root as yet.
  const { problems } = await daemon.json<ForeignList>('foreign', 'list');
  if (process.getuid?.() === 0) assert.match(problems[0]?.message ?? '', /belongs to another user/);
  await foreign.settle();
  await foreign.vboxManage('list', 'vms');
  const { vms } = await daemon.json<ForeignList>('foreign', 'list');
  assert.match(vms[0]?.reasons.join() ?? '', /VirtualBox is open: VBoxSVC/);
  await refused(/VirtualBox is open.*foreign\.not-adoptable/s, 'vm', 'adopt', `${foreign.user}/web server`);
  await foreign.settle();
});

test('a listing tells what there is, and changes no byte and no time of it', async () => {
  const untouched = await foreign.tree(true);
  const { vms, problems } = await daemon.json<ForeignList>('foreign', 'list');
  assert.deepEqual(problems, []);
  assert.deepEqual(
    vms.map(({ name, state, cores, memoryMiB, snapshots, adoptable, reasons, disks }) => [
      name,
      state,
      cores,
      memoryMiB,
      snapshots,
      adoptable,
      reasons,
      disks[0]?.sizeBytes,
    ]),
    [
      ['web server', 'stopped', 1, 64, 3, true, [], 8 * 1024 ** 2],
      [odd, 'stopped', 1, 32, 0, true, [], 8 * 1024 ** 2],
    ],
  );
  assert.match((await daemon.cli(['foreign', 'list'])).stdout, /web server +stopped/);
  assert.deepEqual(await foreign.tree(true), untouched);
});

test('an adopted VM starts, goes back to an old snapshot with its disk, and is changed as any other', async (t: TestContext) => {
  const began = performance.now();
  const task = await adopt('web server', '--name', 'web', '--network', 'lab');
  t.diagnostic(`adopted in ${Math.round(performance.now() - began)} ms, command line included`);
  const vm = await daemon.json<Vm>('vm', 'show', 'web');
  assert.deepEqual(
    [vm.memoryMiB, vm.bootOrder.join(), vm.nics[0]?.mac, vm.nics[0]?.network, vm.changedOutside],
    [64, 'disk0,cdrom', '08:00:27:aa:bb:01', 'lab', undefined],
  );
  assert.match(await logOf(task), /The snapshot "before the update" is called before-the-update/);
  assert.doesNotMatch(await foreign.vboxManage('list', 'vms'), /web server/);
  await foreign.settle();

  await daemon.json('vm', 'start', 'web');
  assert.equal((await daemon.json<Vm>('vm', 'show', 'web')).state, 'running');
  await refused(/vm\.wrong-state/, 'vm', 'release', 'web');
  await daemon.json('snapshot', 'take', 'web', 'warm', '--memory');
  await daemon.json('vm', 'stop', 'web');

  const names = async (): Promise<string[]> =>
    (await daemon.json<Snapshot[]>('snapshot', 'list', 'web')).map(({ name, parent }) => `${parent ?? ''}/${name}`);
  assert.deepEqual((await names()).toSorted(), [
    '/before-the-update',
    'before-the-update/after',
    'before-the-update/other-branch',
    'other-branch/warm',
  ]);
  const ours = { run: await daemonVBoxManage(daemon.data), folder: join(daemon.data, 'virtualbox') };
  const now = async (): Promise<string> => {
    const file = await readFile(join(daemon.data, 'images/100/nakhoda-100/nakhoda-100.vbox'), 'utf8');
    const machine = file.slice(file.lastIndexOf('</Snapshot>'));
    return foreign.diskText(/<Image uuid="\{([0-9a-f-]+)\}"/u.exec(machine)?.[1] ?? '', ours);
  };
  assert.equal(await now(), 'third');
  await daemon.json('snapshot', 'rollback', 'web', 'after');
  assert.equal(await now(), 'second');
  await daemon.json('snapshot', 'rollback', 'web', 'before-the-update');
  assert.equal(await now(), 'first');

  await daemon.json('vm', 'set', 'web', '--memory', '80');
  await daemon.json('snapshot', 'take', 'web', 'of-ours');
  await daemon.json('vm', 'set', 'web', '--memory', '96');
  await daemon.json('snapshot', 'rollback', 'web', 'of-ours');
  assert.equal((await daemon.json<Vm>('vm', 'show', 'web')).memoryMiB, 80);
  assert.equal((await daemon.json<Vm>('vm', 'show', 'web')).changedOutside, undefined);
  await refused(/vm release web.*foreign\.keeps-disks/s, 'vm', 'destroy', 'web');
});

test("it is given back with what became of it, and its user's VirtualBox knows it as before", async () => {
  await daemon.json('snapshot', 'delete', 'web', 'of-ours');
  for (const name of ['after', 'other-branch', 'before-the-update'])
    assert.ok((await daemon.json<Snapshot[]>('snapshot', 'list', 'web')).some((one) => one.name === name));
  await daemon.json('snapshot', 'rollback', 'web', 'before-the-update');
  await daemon.json('vm', 'release', 'web');
  await refused(/vm\.not-found/, 'vm', 'show', 'web');
  const owners = new Set(Object.values(await foreign.tree()).map((line) => line.split(' ').slice(0, 2).join()));
  if (process.getuid?.() === 0) assert.deepEqual([...owners], ['65534,65534']);
  assert.deepEqual(await readdir(join(daemon.data, 'images')), []);

  assert.match(await foreign.vboxManage('list', 'vms'), /"web server"/);
  const info = await foreign.vboxManage('showvminfo', 'web server', '--machinereadable');
  for (const words of [
    'name="web server"',
    'SnapshotName="before the update"',
    'SnapshotDescription="all is well"',
    'nic1="nat"',
    'uart1="off"',
  ])
    assert.ok(info.includes(words), `${words} in ${info}`);
  assert.match(info, /SnapshotName-\S+="other: branch"/);
  assert.equal(await foreign.diskText(await attachedDisk(info)), 'first');
  await foreign.vboxManage('snapshot', 'web server', 'restore', 'other: branch');
  assert.equal(
    await foreign.diskText(await attachedDisk(await foreign.vboxManage('showvminfo', 'web server', '--machinereadable'))),
    'third',
  );
  await foreign.settle();
});

test('settings that reach into the host rest while the VM is here, and are back afterwards', async () => {
  const task = await adopt(odd, '--vmid', '200');
  const log = await logOf(task);
  for (const words of ['InternalNetwork "weird net é"', '82543GC', 'SharedFolders', 'VBoxInternal'])
    assert.ok(log.includes(words), `${words} in ${log}`);
  const vm = await daemon.json<Vm>('vm', 'show', '200');
  assert.deepEqual([vm.name, vm.notes, vm.nics, vm.changedOutside], ['Odd-one-u', 'Mind the "gap" & <things>', [], undefined]);
  await refused(
    /vm\.mac-taken/,
    'vm',
    'create',
    'x',
    '--hypervisor',
    'virtualbox',
    '--network',
    'lab',
    '--mac',
    vm.adopted?.found.nics[0]?.mac ?? '',
  );
  const file = await readFile(join(daemon.data, 'images/200/nakhoda-200/nakhoda-200.vbox'), 'utf8');
  assert.doesNotMatch(file, /SharedFolder |weird|serial\.txt|CustomTable/);
  // A disk of ours cannot go along.
  await daemon.json('disk', 'add', 'Odd-one-u', '--size', '1', '--bus', 'sata', '--cache', 'none');
  await refused(/disk-1\.vdi.*foreign\.not-adoptable/s, 'vm', 'release', 'Odd-one-u');
  await daemon.json('disk', 'remove', 'Odd-one-u', 'disk1');
  await daemon.json('vm', 'release', 'Odd-one-u');
  const info = await foreign.vboxManage('showvminfo', odd, '--machinereadable');
  for (const words of [
    'description="Mind the \\"gap\\" & <things>"',
    'intnet1="weird net é"',
    'nictype2="82543GC"',
    'SharedFolderNameMachineMapping1="share"',
    'uartmode1="file',
  ])
    assert.ok(info.includes(words), `${words} in ${info}`);
  assert.match(await foreign.vboxManage('getextradata', odd, 'enumerate'), /CustomTable, Value: \/etc\/passwd/);
  await foreign.settle();
});

/** Gives an order, and kills the daemon so many milliseconds after that step has begun; gives the task when the next daemon has ended it. */
async function killDuring(order: Promise<Task>, step: string, afterMs: number): Promise<Task> {
  const { id } = await order;
  for await (const line of daemon.client.stream('task.follow', { params: { task: id } }))
    if ('task' in line && line.task.steps.some((one) => one.name === step && one.state !== 'pending')) break;
  await delay(afterMs);
  await daemon.kill();
  await daemon.restart();
  return daemon.client.followTask(id, () => undefined);
}

test('the daemon is killed in the middle of an adoption: everything of the user is as it was', async (t: TestContext) => {
  for (const [step, afterMs] of [
    ['take it from its user', 5],
    ["register it with Nakhoda's VirtualBox", 30],
  ] as const) {
    const untouched = await foreign.tree();
    const task = await killDuring(daemon.client.call('vm.adopt', { body: { machine: `${foreign.user}/web server` } }), step, afterMs);
    t.diagnostic(`${step} + ${afterMs} ms: ${task.state}`);
    if (task.state === 'succeeded') await daemon.json('vm', 'release', 'web-server');
    else {
      assert.equal(task.error?.code, 'task.interrupted', JSON.stringify(task));
      assert.deepEqual(await foreign.tree(), untouched);
      assert.deepEqual(await readdir(join(daemon.data, 'images')), []);
      assert.doesNotMatch(await readFile(join(daemon.data, 'virtualbox/VirtualBox.xml'), 'utf8'), /MachineEntry /);
    }
  }
});

test('… and in the middle of a release: it goes on to its end', async (t: TestContext) => {
  await adopt('web server', '--name', 'web', '--network', 'lab');
  // Its memory is of the machine as it was here, and has been its user's in between.
  await daemon.json('snapshot', 'rollback', 'web', 'warm');
  assert.equal((await daemon.json<Vm>('vm', 'show', 'web')).state, 'running');
  await daemon.json('vm', 'stop', 'web');
  const step = 'give it back to its user';
  const task = await killDuring(daemon.client.call('vm.release', { params: { vm: 'web' } }), step, 15);
  t.diagnostic(`${step} + 15 ms: ${task.state}`);
  assert.equal(task.state, 'succeeded', JSON.stringify(task.error));
  const { vms } = await daemon.json<ForeignList>('foreign', 'list');
  assert.deepEqual(vms.find(({ name }) => name === 'web server')?.reasons, []);
  assert.match(await foreign.vboxManage('snapshot', 'web server', 'list'), /before the update/);
  await foreign.settle();
});

test("a user's own disks are deleted only when that is said, and what is left is the user's", async () => {
  await adopt(odd, '--name', 'odd');
  await refused(/--adopted-disks.*foreign\.keeps-disks/s, 'vm', 'destroy', 'odd');
  assert.ok((await readdir(join(foreign.folder, 'disks'))).includes('odd.vdi'));
  await daemon.json('vm', 'destroy', 'odd', '--adopted-disks');
  assert.deepEqual(await readdir(join(foreign.folder, 'disks')), []);
  assert.deepEqual(await readdir(join(daemon.data, 'images')), []);
  const owners = new Set(Object.values(await foreign.tree()).map((line) => line.split(' ', 1)[0]));
  assert.equal(owners.size, 1);
});

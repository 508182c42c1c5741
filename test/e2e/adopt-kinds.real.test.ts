import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';

import type { ForeignList, Snapshot, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { daemonVBoxManage } from '../support/daemon-virtualbox.ts';
import { attachedImages, firstText, makeAsleep, makeImported } from '../support/foreign-kinds.ts';
import { type ForeignUserHost, makeForeignUser } from '../support/foreign-virtualbox.ts';

/** Adoption of machines with disks of other formats, and with saved memory. */
let daemon: DaemonProcess;
let foreign: ForeignUserHost;

before(async () => {
  foreign = await makeForeignUser();
  await makeImported(foreign);
  await makeAsleep(foreign);
  await foreign.settle();
  daemon = await startDaemon({ hypervisors: 'virtualbox' });
  await daemon.json('foreign', 'users', 'add', foreign.user, '--settings', foreign.settings);
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await foreign?.dispose();
});

const show = (vm: string): Promise<Vm> => daemon.json<Vm>('vm', 'show', vm);
const snapshotsOf = async (vm: string): Promise<string[]> =>
  (await daemon.json<Snapshot[]>('snapshot', 'list', vm)).map(({ name, memory }) => `${name}${memory ? ' +memory' : ''}`);

async function refused(words: RegExp, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await daemon.cli(args);
  assert.notEqual(exitCode, 0, args.join(' '));
  assert.match(stderr, words, args.join(' '));
}

/** Everything of the user's is the user's again. */
async function assertOwners(): Promise<void> {
  const owners = new Set(Object.values(await foreign.tree()).map((line) => line.split(' ').slice(0, 2).join()));
  if (process.getuid?.() === 0) assert.deepEqual([...owners], ['65534,65534']);
}

test('all of them can be had, and the listing tells what they are', async () => {
  const { vms } = await daemon.json<ForeignList>('foreign', 'list');
  assert.deepEqual(
    vms.map(({ name, state, reasons, disks }) => [name, state, reasons, disks.map(({ format }) => format).join()]),
    [
      ['old import', 'stopped', [], 'VMDK,VMDK,VHD,VHD,VMDK'],
      ['asleep', 'saved', [], 'VDI'],
    ],
  );
});

test('VMDK and VHD disks stay what they are: they run, go back, merge, and grow where VirtualBox can do that', async (t: TestContext) => {
  const ours = { run: await daemonVBoxManage(daemon.data), folder: join(daemon.data, 'virtualbox') };
  const text = async (port: number): Promise<string> => {
    const file = await readFile(join(daemon.data, 'images/100/nakhoda-100/nakhoda-100.vbox'), 'utf8');
    const present = file.slice(Math.max(0, file.lastIndexOf('</Snapshot>')));
    const drives = [...present.matchAll(/<Image uuid="\{([0-9a-f-]+)\}"/gu)].map(([, uuid]) => uuid ?? '');
    return foreign.diskText(drives[port] ?? '', ours);
  };
  await daemon.json('vm', 'adopt', `${foreign.user}/old import`, '--name', 'old', '--vmid', '100');
  const vm = await show('old');
  assert.deepEqual([vm.disks.map(({ format }) => format), vm.changedOutside], [['vmdk', 'vmdk', 'vhd', 'vhd', 'vmdk'], undefined]);
  await daemon.json('vm', 'start', 'old');
  assert.equal((await show('old')).state, 'running');
  await daemon.json('snapshot', 'take', 'old', 'ours');
  await daemon.json('vm', 'stop', 'old');
  // Refused before anything is done: of a sparse VMDK VirtualBox would say that it was done, and do nothing.
  for (const slot of ['disk0', 'disk3', 'disk4'])
    await refused(/cannot make the image of disk\d.*vm\.spec-invalid/s, 'disk', 'resize', 'old', slot, '--size', '1');
  await refused(/vmdk.*vm\.unsupported/s, 'vm', 'clone', 'old', 'copy');

  await daemon.json('snapshot', 'rollback', 'old', 'first');
  assert.deepEqual([await text(0), await text(1), await text(2)], ['imported', 'flat', 'dynamic']);
  await daemon.json('snapshot', 'rollback', 'old', 'ours');
  for (const name of ['ours', 'first']) await daemon.json('snapshot', 'delete', 'old', name);
  assert.equal(await text(2), 'second');
  await daemon.json('disk', 'resize', 'old', 'disk2', '--size', '1');
  t.diagnostic(`a dynamic VHD grew from 8 MiB to ${(await show('old')).disks[2]?.sizeGiB} GiB`);

  await daemon.json('vm', 'release', 'old');
  await assertOwners();
  const texts: string[] = [];
  const images = await attachedImages(foreign, 'old import');
  for (const image of images.toSpliced(2, 1)) texts.push(await foreign.diskText(image));
  assert.deepEqual(texts, ['second', 'second', 'second', 'second']);
  // Of the grown one not all of its zeros are written out.
  const copy = join(foreign.folder, 'copy.vdi');
  await foreign.vboxManage('clonemedium', 'disk', images[2] ?? '', copy, '--format', 'VDI');
  assert.ok((await readFile(copy)).includes('second'));
  assert.match(await foreign.vboxManage('showmediuminfo', 'disk', images[2] ?? ''), /Capacity:\s+1024 MBytes/u);
  await foreign.settle();
});

test('a VM with saved memory comes suspended, goes on, and keeps its snapshots with memory, also back at its user', async () => {
  await daemon.json('vm', 'adopt', `${foreign.user}/asleep`, '--vmid', '101');
  const vm = await show('asleep');
  assert.deepEqual([vm.state, vm.suspended, vm.tpm], ['stopped', true, true]);
  assert.deepEqual(await snapshotsOf('asleep'), ['warm +memory']);
  await refused(/suspended/, 'vm', 'release', 'asleep');
  await daemon.json('vm', 'start', 'asleep');
  const log = await readFile(join(daemon.data, 'images/101/nakhoda-101/Logs/VBox.log'), 'utf8');
  assert.match(log, /Changing the VM state from 'RESTORING'|Changing the VM state from 'LOADING'/u);
  await daemon.json('snapshot', 'rollback', 'asleep', 'warm');
  const back = await show('asleep');
  const words = await readFile(join(daemon.data, 'images/101/nakhoda-101/Logs/VBox.log'), 'utf8').catch(String);
  assert.equal(back.state, 'running', `${back.stateReason}\n${words.slice(-3000)}`);
  await daemon.json('vm', 'stop', 'asleep');
  // Without memory of its former life in the way, it gets the serial ports of ours.
  await daemon.json('vm', 'start', 'asleep');
  assert.match(await readFile(join(daemon.data, 'images/101/nakhoda-101/nakhoda-101.vbox'), 'utf8'), /serial\.sock/u);
  await daemon.json('vm', 'stop', 'asleep');
  await daemon.json('vm', 'release', 'asleep');
  await assertOwners();
  assert.equal(await firstText(foreign, 'asleep'), 'asleep');
  await foreign.vboxManage('snapshot', 'asleep', 'restore', 'warm');
  assert.match(await foreign.vboxManage('showvminfo', 'asleep', '--machinereadable'), /VMState="saved"/u);
  await foreign.settle();
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { errorTable } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';

/** Wrong input through the real command line and daemon: each refused with a code, a cause and a remedy, leaving nothing. */
let daemon: DaemonProcess;
before(async () => {
  daemon = await startDaemon({ hypervisors: 'fake' });
  await daemon.json('vm', 'create', 'taken', '--hypervisor', 'fake', '--vmid', '200', '--protection');
});
after(async () => daemon?.[Symbol.asyncDispose]());

const create = ['vm', 'create'];
const fake = ['--hypervisor', 'fake'];
const cases: [what: string, args: string[], exitCode: 1 | 2, code?: string][] = [
  ['an unknown VM', ['vm', 'show', 'nobody'], 1, 'vm.not-found'],
  ['an unknown vmid', ['vm', 'start', '999'], 1, 'vm.not-found'],
  ['a stopped VM asked to stop', ['vm', 'stop', 'taken'], 1, 'vm.wrong-state'],
  ['a command in a stopped VM', ['vm', 'exec', 'taken', '--', 'true'], 1, 'guest.not-running'],
  ['a name that is taken', [...create, 'taken', ...fake], 1, 'vm.name-taken'],
  ['a name that is taken in other letters', [...create, 'TAKEN', ...fake], 1, 'vm.name-taken'],
  ['a vmid that is taken', [...create, 'other', ...fake, '--vmid', '200'], 1, 'vm.vmid-taken'],
  ['a vmid below 100', [...create, 'other', ...fake, '--vmid', '99'], 2],
  ['no cores', [...create, 'other', ...fake, '--cores', '0'], 2],
  ['memory of 0', [...create, 'other', ...fake, '--memory', '0'], 2],
  ['negative memory', [...create, 'other', ...fake, '--memory', '-5'], 2],
  ['memory that is no number', [...create, 'other', ...fake, '--memory', 'lots'], 2],
  ['more memory than the host has', [...create, 'other', ...fake, '--memory', '16000000'], 1, 'vm.spec-invalid'],
  ['a disk of 0', [...create, 'other', ...fake, '--disk', '0'], 2],
  ['a negative disk', [...create, 'other', ...fake, '--disk', '-1'], 2],
  ['a disk beyond the pool', [...create, 'other', ...fake, '--disk', '1000000'], 1, 'storage.too-large'],
  ['an ISO that is not there', [...create, 'other', ...fake, '--cdrom', 'local:iso/none.iso'], 1, 'storage.volume-not-found'],
  ['an ISO outside its pool', [...create, 'other', ...fake, '--cdrom', 'local:iso/../nakhoda.db'], 2],
  ['an unknown network', [...create, 'other', ...fake, '--network', 'nowhere'], 1, 'network.not-found'],
  ['an unknown hypervisor', [...create, 'other', '--hypervisor', 'xen'], 2],
  ['a hypervisor that this daemon has not', [...create, 'other', '--hypervisor', 'qemu'], 1, 'hypervisor.not-found'],
  ['no hypervisor', [...create, 'other'], 2],
  ['a MAC of a group', [...create, 'other', ...fake, '--mac', '03:00:00:00:00:01'], 2],
  ['a MAC and no network', [...create, 'other', ...fake, '--mac', '02:00:00:00:00:01'], 2, 'request.invalid'],
  ['a disk for nobody', ['disk', 'add', 'nobody', '--size', '1'], 1, 'vm.not-found'],
  ['a new disk of 0', ['disk', 'add', 'taken', '--size', '0'], 2],
  ['a new disk of a negative size', ['disk', 'add', 'taken', '--size', '-1'], 2],
  ['a new disk beyond the pool', ['disk', 'add', 'taken', '--size', '1000000'], 1, 'storage.too-large'],
  ['a new disk of no size', ['disk', 'add', 'taken'], 2],
  ['a new disk that is neither', ['disk', 'add', 'taken', '--size', '1', '--ssd', 'maybe'], 2],
  ['a new disk on an unknown bus', ['disk', 'add', 'taken', '--size', '1', '--bus', 'floppy'], 2],
  ['a disk to remove that is not there', ['disk', 'remove', 'taken', 'disk7'], 1, 'vm.device-not-found'],
  ['a disk of a protected VM to remove', ['disk', 'remove', 'taken', 'disk0'], 1, 'vm.protected'],
  ['a slot that is none', ['disk', 'remove', 'taken', '../disk0'], 2],
  ["a NIC's slot for a disk", ['disk', 'resize', 'taken', 'net0', '--size', '9'], 2],
  ['a disk to be cut', ['disk', 'resize', 'taken', 'disk0', '--size', '1'], 1, 'vm.spec-invalid'],
  ['a disk to grow beyond the pool', ['disk', 'resize', 'taken', 'disk0', '--size', '1000000'], 1, 'storage.too-large'],
  ['a change of a disk that changes nothing', ['disk', 'set', 'taken', 'disk0'], 2],
  ['a NIC on an unknown network', ['nic', 'add', 'taken', '--network', 'nowhere'], 1, 'network.not-found'],
  ['a NIC without a network', ['nic', 'add', 'taken'], 2],
  ['a NIC with the MAC of a group', ['nic', 'add', 'taken', '--network', 'nowhere', '--mac', 'ff:ff:ff:ff:ff:ff'], 2],
  ['a NIC with half a MAC', ['nic', 'add', 'taken', '--network', 'nowhere', '--mac', '02:00:00'], 2],
  ['a NIC to change that is not there', ['nic', 'set', 'taken', 'net3', '--link', 'no'], 1, 'vm.device-not-found'],
  ['a NIC to remove that is not there', ['nic', 'remove', 'taken', 'net0'], 1, 'vm.device-not-found'],
  ['a NIC slot beyond the tenth', ['nic', 'remove', 'taken', 'net10'], 2],
  ['an unknown snapshot', ['snapshot', 'rollback', 'taken', 'none'], 1, 'snapshot.not-found'],
  ['memory of a stopped VM', ['snapshot', 'take', 'taken', 'one', '--memory'], 1, 'snapshot.needs-running'],
  ['an unknown network to delete', ['network', 'delete', 'nowhere'], 1, 'network.not-found'],
  ['a public address range', ['network', 'create', 'net', '--cidr', '8.8.8.0/24'], 1, 'network.cidr-invalid'],
  ['an address inside a range', ['network', 'create', 'net', '--cidr', '10.1.2.3/24'], 1, 'network.cidr-invalid'],
  ['an address range of nonsense', ['network', 'create', 'net', '--cidr', 'everything'], 2],
  ['an unknown task', ['task', 'show', 'tnone'], 1, 'task.not-found'],
  ['an unknown command', ['vm', 'lits'], 2],
  ['an unknown flag', ['vm', 'list', '--colour'], 2],
  ...['a b', 'a"b', "a'b", 'a\nb', '-rf', '../x', 'ä', '123', 'a'.repeat(10_000), ''].map((name): [string, string[], 1 | 2] => [
    `the name ${JSON.stringify(name.slice(0, 20))}`,
    [...create, ...fake, '--', name],
    2,
  ]),
];

for (const [what, args, exitCode, code] of cases) {
  test(`refuses ${what}`, async () => {
    // A flag after `--` would be a name: --json goes first.
    const result = await daemon.cli([...args.slice(0, 2), '--json', ...args.slice(2)]);
    assert.equal(result.exitCode, exitCode, result.stdout + result.stderr);
    const error = JSON.parse(result.stderr) as { code: keyof typeof errorTable; message: string; hint: string };
    assert.ok(error.code in errorTable, error.code);
    if (code !== undefined) assert.equal(error.code, code, error.message);
    assert.ok(error.message.length > 10 && error.hint.length > 5, result.stderr);
    assert.ok(result.stderr.length < 2000, 'the error is short, however long the input');
    assert.equal(result.stdout, '');
  });
}

test('nothing half-made stayed behind', async () => {
  const vms = await daemon.json<{ name: string }[]>('vm', 'list');
  assert.deepEqual(
    vms.map((vm) => vm.name),
    ['taken'],
  );
  assert.deepEqual(await daemon.json('network', 'list'), []);
});

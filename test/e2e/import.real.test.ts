import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { exec as run, waitFor } from '@nakhoda/host';
import type { Task, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';

/** A guest's disk leaves its VM and comes back into VMs of both hypervisors, with what the guest had written. */
let daemon: DaemonProcess;
let image: string;
const bootLimitMs = 300_000;

before(async () => {
  daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
});
after(async () => daemon?.[Symbol.asyncDispose]());

async function output(vm: string, ...argv: string[]): Promise<string> {
  const answered = await waitFor(async () => (await daemon.cli(['vm', 'exec', vm, '--', 'true'])).exitCode === 0, {
    timeoutMs: bootLimitMs,
    pollMs: 500,
  });
  assert.ok(answered, `the guest of ${vm} answers`);
  const { exitCode, stdout, stderr } = await daemon.cli(['vm', 'exec', vm, '--', ...argv]);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
}

test('a guest writes something worth keeping', async () => {
  await daemon.json('vm', 'create', 'old', '--hypervisor', 'qemu', '--memory', '128', '--disk', '1', '--cdrom', 'tiny', '--start');
  await output('old', 'sh', '-c', 'echo precious > /data/note; sync');
  await daemon.json('vm', 'shutdown', 'old');
  image = join(daemon.data, 'images', '100', 'disk-0.qcow2');
});

for (const hypervisor of ['virtualbox', 'qemu'] as const) {
  test(`${hypervisor}: a VM made of the image has it, and the image is not touched`, async () => {
    const name = `new-${hypervisor}`;
    const before = await readFile(image);
    await daemon.json<Task>('vm', 'import', image, '--hypervisor', hypervisor, '--name', name, '--memory', '128');
    await daemon.json('vm', 'set', name, '--cdrom', 'tiny');
    await daemon.json('vm', 'start', name);
    assert.equal(await output(name, 'cat', '/data/note'), 'precious');
    assert.ok(before.equals(await readFile(image)));
    await daemon.json('vm', 'stop', name);
    await daemon.json('vm', 'destroy', name);
  });
}

test('a libvirt domain becomes a VM: its processors, memory, disk and MAC address; what is left out is told', async () => {
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
  const source = join(daemon.data, 'domain.xml');
  await writeFile(
    source,
    `<domain type='kvm'><name>from libvirt</name><memory unit='MiB'>128</memory><vcpu>2</vcpu>
     <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
     <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${image}'/><target dev='vda' bus='virtio'/></disk>
     <interface type='bridge'><mac address='52:54:00:aa:bb:cc'/><source bridge='br0'/><model type='virtio'/></interface>
     <sound model='ich9'/></devices></domain>`,
  );
  const task = await daemon.json<Task>('vm', 'import', source, '--hypervisor', 'qemu', '--network', 'lab');
  const vm = await daemon.json<Vm>('vm', 'show', 'from-libvirt');
  assert.deepEqual([vm.cores * vm.sockets, vm.memoryMiB, vm.machine], [2, 128, 'q35']);
  assert.deepEqual(
    vm.nics.map(({ mac, network }) => [mac, network]),
    [['52:54:00:aa:bb:cc', 'lab']],
  );
  assert.equal(vm.disks[0]?.sizeGiB, 1);
  const { stderr } = await daemon.cli(['task', 'follow', task.id]);
  assert.match(stderr, /Its sound is not taken over/);
  // The same address twice on one network would be a fault.
  await daemon.json('vm', 'import', source, '--hypervisor', 'qemu', '--network', 'lab', '--name', 'second');
  assert.notEqual((await daemon.json<Vm>('vm', 'show', 'second')).nics[0]?.mac, '52:54:00:aa:bb:cc');
});

test('what cannot be imported is refused with the reason, and nothing is made', async () => {
  const layer = join(daemon.data, 'layer.qcow2');
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, layer]);
  const rows: [string[], RegExp][] = [
    [[layer], /storage\.volume-refused/],
    [['/nowhere.qcow2'], /storage\.volume-not-found/],
    [['relative.qcow2'], /must|Give SOURCE/],
    [[join(daemon.data, 'nakhoda.db')], /storage\.volume-refused/],
    [[image, '--name', 'old'], /vm\.name-taken/],
    [[image, '--name', 'x', '--network', 'none'], /network\.not-found/],
    [[image, '--name', 'x', '--format', 'vdi'], /storage\.volume-refused/],
  ];
  const before = await daemon.json<Vm[]>('vm', 'list');
  for (const [args, words] of rows) {
    const { exitCode, stderr } = await daemon.cli(['vm', 'import', '--hypervisor', 'qemu', ...args]);
    assert.notEqual(exitCode, 0, args.join(' '));
    assert.match(stderr, words, args.join(' '));
  }
  assert.equal((await daemon.json<Vm[]>('vm', 'list')).length, before.length);
});

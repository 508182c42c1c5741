import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import type { MachineDisk, MachineNic, MachineSpec } from '@nakhoda/driver';
import { processArgv, waitFor } from '@nakhoda/host';

import { HardwareBench } from './testing/hardware-bench.ts';

const make = (machine: Partial<MachineSpec>, disk: Partial<MachineDisk> = {}, nic: Partial<MachineNic> = {}): Promise<HardwareBench> =>
  HardwareBench.make((spec) => ({
    ...spec,
    ...machine,
    disks: spec.disks.map((one) => ({ ...one, ...disk })),
    nics: spec.nics.map((one) => ({ ...one, ...nic })),
  }));

const timeout = 120_000;

// The guest's name of the disk, whether it turns, and how it is written.
for (const [title, machine, disk, expected] of [
  ['virtio-blk on q35', {}, { cache: 'none' }, 'vda 1 write back'],
  ['virtio-scsi on q35, an SSD', {}, { bus: 'scsi', ssd: true }, 'sda 0 write back'],
  ['SATA on q35, written through', {}, { bus: 'sata', cache: 'writethrough' }, 'sda 1 write through'],
  ['virtio-blk on i440fx', { machine: 'i440fx' }, { cache: 'unsafe', discard: false }, 'vda 1 write back'],
  ['virtio-scsi on i440fx, past the host’s cache', { machine: 'i440fx' }, { bus: 'scsi', cache: 'directsync' }, 'sda 1 write through'],
  ['SATA on i440fx', { machine: 'i440fx' }, { bus: 'sata' }, 'sda 1 write back'],
  ['IDE on i440fx', { machine: 'i440fx' }, { bus: 'ide' }, 'sda 1 write back'],
] as [string, Partial<MachineSpec>, Partial<MachineDisk>, string][]) {
  test(`a disk on ${title}: the guest formats it and keeps a file on it`, { timeout }, async () => {
    await using bench = await make(machine, disk);
    await bench.start();
    await bench.booted();
    const [name = ''] = expected.split(' ');
    const facts = `mount | grep -q '^/dev/${name} on /data type ext4' && cat /sys/block/${name}/queue/rotational /sys/block/${name}/queue/write_cache`;
    assert.equal((await bench.shell(facts)).replaceAll('\n', ' '), expected.slice(name.length + 1));
    await bench.shell('echo kept > /data/file; sync');
    await bench.powerOff();
    await bench.driver.start(bench.ctx, { vmid: bench.vmid });
    await bench.booted();
    assert.equal(await bench.shell('cat /data/file'), 'kept');
  });
}

for (const [model, type] of [
  ['virtio', 'virtio-net-pci'],
  ['e1000', 'e1000'],
  ['pcnet', 'pcnet'],
] as const) {
  test(`a network card ${model}: the guest has it with its MAC`, { timeout }, async () => {
    await using bench = await make({}, {}, { model });
    await bench.start();
    await bench.booted();
    assert.equal(await bench.shell('cat /sys/class/net/eth0/address'), bench.spec.nics[0]?.mac);
    assert.equal((await bench.deviceTypes())['net0-device'], type);
  });
}

test('devices that the tiny guest has no driver for: QEMU has them, and the guest runs', { timeout }, async () => {
  const models = ['e1000e', 'rtl8139', 'vmxnet3'] as const;
  await using bench = await HardwareBench.make((spec) => ({
    ...spec,
    ...{ display: 'std', audio: true, watchdog: 'pause', balloonMiB: 64, serialPorts: 2, tpm: true },
    disks: spec.disks.map((disk) => ({ ...disk, bus: 'nvme' })),
    nics: models.map((model, index) => ({
      slot: `net${index}`,
      mac: `52:54:00:00:01:0${index}`,
      attachment: { kind: 'none' },
      model,
      linkUp: true,
    })),
  }));
  await bench.start();
  await bench.booted();
  assert.match(await bench.shell('mount | grep " /data "'), /^data on \/data type tmpfs/, 'the guest has a driver for NVMe');
  // The kernel shows them all the same, by vendor and device: NVMe, e1000e, rtl8139, vmxnet3, VGA, watchdog, sound.
  const ids = await bench.shell('cat /sys/bus/pci/devices/*/uevent | grep PCI_ID');
  for (const id of ['1B36:0010', '8086:10D3', '10EC:8139', '15AD:07B0', '1234:1111', '8086:25AB', '8086:293E'])
    assert.ok(ids.includes(`PCI_ID=${id}`), id);
  const types = await bench.deviceTypes();
  for (const [id, type] of [
    ['disk0-device', 'nvme'],
    ...models.map((model, index) => [`net${index}-device`, model]),
    ['vga0', 'VGA'],
    ['watchdog0', 'i6300esb'],
    ['sound0-codec', 'hda-duplex'],
    ['balloon0', 'virtio-balloon-pci'],
    ['tpm0-device', 'tpm-crb'],
  ] as const)
    assert.equal(types[id ?? ''], type, id);
});

for (const display of ['virtio', 'qxl'] as const) {
  test(`a graphics card ${display}: the guest runs with it`, { timeout }, async () => {
    await using bench = await make({ display });
    await bench.start();
    await bench.booted();
    assert.equal((await bench.deviceTypes())['vga0'], display === 'qxl' ? 'qxl-vga' : 'virtio-vga');
  });
}

test('two sockets of two cores are four processors, in two packages', { timeout }, async () => {
  await using bench = await make({ sockets: 2, cores: 2 });
  await bench.start();
  await bench.booted();
  assert.equal(await bench.shell('nproc'), '4');
  assert.equal(await bench.shell('cat /sys/devices/system/cpu/cpu*/topology/physical_package_id | sort -u | wc -l'), '2');
});

for (const [cpuModel, has, lacks] of [
  ['default', ['sse4_2', 'popcnt', 'aes', 'ssse3', 'cx16', 'lahf_lm'], ['avx2', 'smep']],
  ['x86-64-v2', ['sse4_2', 'popcnt'], ['aes', 'avx']],
  ['Nehalem', ['sse4_2'], ['aes']],
  ['max', ['avx2', 'smep'], []],
] as [string, string[], string[]][]) {
  test(`the processor ${cpuModel}: the flags of its level and no more, without a warning`, { timeout }, async () => {
    await using bench = await make({ cpuModel });
    await bench.start();
    await bench.booted();
    const flags = new Set((await bench.shell('grep -m1 ^flags /proc/cpuinfo')).split(/\s+/));
    for (const flag of has) assert.ok(flags.has(flag), `it lacks ${flag}`);
    for (const flag of lacks) assert.ok(!flags.has(flag), `it has ${flag}`);
    assert.deepEqual(await readWarnings(bench), []);
  });
}

test('a processor that the host cannot give is refused before anything is made', async () => {
  await using bench = await make({ cpuModel: 'EPYC-Milan' });
  await assert.rejects(bench.start(), { code: 'vm.spec-invalid', message: /EPYC-Milan/ });
});

test('what the guest sends to its second serial port comes out of a socket of its own', { timeout }, async () => {
  await using bench = await make({ serialPorts: 2 });
  await bench.start();
  await bench.booted();
  const socket = createConnection(join(bench.spec.runtimeDirectory, 'serial1.sock'));
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  assert.ok(await waitFor(() => !socket.connecting, { timeoutMs: 5_000 }));
  await bench.shell("echo second''-port > /dev/ttyS1");
  assert.ok(await waitFor(() => text.includes('second-port'), { timeoutMs: 20_000 }), text);
  socket.destroy();
});

test('a TPM: started with the VM, used by the firmware, missed when it dies, ended with the VM, its state kept', { timeout }, async () => {
  await using bench = await make({ tpm: true });
  await bench.start();
  await bench.booted();
  const tpm = async (): Promise<number[]> => swtpms(bench);
  const [pid] = await tpm();
  assert.ok(pid !== undefined, 'there is no swtpm');
  const state = join(bench.spec.directory, 'tpm');
  assert.ok((await stat(join(state, 'tpm2-00.permall'))).size > 0, 'the BIOS has not spoken to it');

  await bench.restartDaemon();
  assert.equal((await bench.driver.inspect(bench.ctx, { vmid: bench.vmid }))?.reason, undefined);
  process.kill(pid, 'SIGKILL');
  const told = async (): Promise<boolean> =>
    (await bench.driver.inspect(bench.ctx, { vmid: bench.vmid }))?.reason?.includes('swtpm') === true;
  assert.ok(await waitFor(told, { timeoutMs: 5_000 }), 'nobody is told of the death of the TPM');
  assert.equal((await bench.driver.inspect(bench.ctx, { vmid: bench.vmid }))?.state, 'running');

  await bench.powerOff();
  await bench.driver.start(bench.ctx, { vmid: bench.vmid });
  assert.equal((await tpm()).length, 1);
  await bench.qemu.killMachine(bench.vmid);
  assert.ok(await waitFor(async () => (await tpm()).length === 0, { timeoutMs: 10_000 }), 'the TPM outlives a killed QEMU');
  await bench.powerOff();
  assert.ok((await readdir(state)).length > 0, 'its state is gone');
});

test('limits of a disk hold, and change while the guest runs', { timeout }, async () => {
  await using bench = await make({}, { mbpsLimit: 2, cache: 'writeback' });
  await bench.start();
  await bench.booted();
  const write = async (): Promise<number> => {
    const since = performance.now();
    await bench.shell('dd if=/dev/zero of=/data/zeros bs=65536 count=160 conv=fsync 2>/dev/null; rm /data/zeros');
    return (performance.now() - since) / 1000;
  };
  // 10.5 MB at 2 MB a second.
  const limited = await write();
  assert.ok(limited > 4, `it took ${limited} s only`);
  assert.deepEqual(await bench.change({ disks: bench.spec.disks.map((disk) => ({ ...disk, mbpsLimit: 0 })) }), []);
  const free = await write();
  assert.ok(free < limited / 2, `${free} s without a limit, ${limited} s with`);
});

/** Lines of QEMU's log that warn, but for those of a NIC without a cable. */
async function readWarnings(bench: HardwareBench): Promise<string[]> {
  return (await readFile(join(bench.spec.directory, 'qemu.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('warning') && !line.includes('hub'));
}

async function swtpms(bench: HardwareBench): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  return pids.filter((pid) => {
    const argv = processArgv(pid) ?? [];
    return argv[0] === 'swtpm' && argv.some((argument) => argument.includes(bench.spec.runtimeDirectory));
  });
}

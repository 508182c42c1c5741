import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { defaultDisk, defaultNic, fixedHardware, type MachineDisk, type MachineNic } from '@nakhoda/driver';
import type { DiskBus, MachineName } from '@nakhoda/schema';

import { HardwareBench } from './testing/hardware-bench.ts';

const timeout = 180_000;
const mebibyte = 1024 * 1024;

function newDisk(bench: HardwareBench, slot: string, bus: DiskBus): MachineDisk {
  const path = join(bench.spec.directory, `${slot}.qcow2`);
  return { slot, path, format: 'qcow2', sizeBytes: 32 * mebibyte, ...defaultDisk(fixedHardware), bus };
}

function newNic(slot: string): MachineNic {
  return { slot, mac: '52:54:00:0a:0b:01', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) };
}

/** A line of shell that waits up to 12 s for a condition. */
function until(condition: string): string {
  return `i=0; until ${condition} 2>/dev/null; do i=$((i + 1)); [ $i -lt 60 ] || exit 1; sleep 0.2; done`;
}

for (const [machine, bus, name] of [
  ['q35', 'scsi', 'sda'],
  ['i440fx', 'virtio', 'vdb'],
] as [MachineName, DiskBus, string][]) {
  test(`${machine}: a ${bus} disk that went and came again holds what was on it; so it does after a restart`, { timeout }, async () => {
    await using bench = await HardwareBench.make((spec) => ({ ...spec, machine }));
    await bench.start();
    await bench.booted();
    const before = bench.spec.disks;
    const withDisk = { disks: [...before, newDisk(bench, 'disk3', bus)] };
    assert.deepEqual(await bench.change(withDisk), []);
    const there = until(`[ -b /dev/${name} ]`);
    await bench.shell(`${there}; echo kept | dd of=/dev/${name} bs=512 count=1 conv=sync,fsync 2>/dev/null`);
    assert.deepEqual(await bench.change({ disks: before }), []);
    assert.deepEqual(await bench.change(withDisk), []);
    assert.match(await bench.shell(`${there}; dd if=/dev/${name} bs=5 count=1 2>/dev/null`), /^kept/);

    await bench.restartDaemon();
    await bench.driver.define(bench.ctx, { spec: bench.spec });
    await bench.powerOff();
    await bench.driver.start(bench.ctx, { vmid: bench.vmid });
    await bench.booted();
    // Among several disks the guest gives names as it finds them.
    assert.match(await bench.shell('for d in /dev/[sv]d?; do dd if=$d bs=5 count=1 2>/dev/null; done | tr -d "\\0"'), /kept/);
  });
}

test('a snapshot with memory of a VM that got a disk, a NIC and a processor while it ran is restored', { timeout }, async () => {
  await using bench = await HardwareBench.make((spec) => spec);
  await bench.start();
  await bench.booted();
  // The NIC last: one without a cable keeps the tiny guest from hearing of what comes after it.
  assert.deepEqual(await bench.change({ disks: [...bench.spec.disks, newDisk(bench, 'disk1', 'virtio')], cores: 2 }), []);
  await bench.shell(until('[ "$(nproc)" = 2 ] && [ -b /dev/vdb ]'));
  assert.deepEqual(await bench.change({ nics: [...bench.spec.nics, newNic('net1')] }), []);
  await bench.shell(`${until('[ -e /sys/class/net/eth1 ]')}; echo kept > /run/memory`);
  const facts = 'nproc; cat /sys/block/vdb/size /sys/class/net/eth1/address';
  const before = await bench.shell(facts);
  const { snapshots } = bench.driver;
  assert.ok(snapshots);
  await snapshots.take(bench.ctx, { vmid: bench.vmid, name: 'plugged', description: '', memory: true });
  assert.deepEqual(await bench.change({ disks: bench.spec.disks.slice(0, 1) }), ['disks.disk1'], 'a disk that a snapshot holds went');
  await bench.powerOff();
  await snapshots.rollback(bench.ctx, { vmid: bench.vmid, name: 'plugged' });
  await bench.booted();
  assert.equal(await bench.shell('cat /run/memory'), 'kept');
  assert.equal(await bench.shell(facts), before);
});

test('what the guest does not let go of stays, is told, and goes when it does', { timeout }, async () => {
  // No CD and an empty disk: the BIOS finds nothing to boot, and nobody answers for the guest.
  await using bench = await HardwareBench.make((spec) => ({ ...spec, cdrom: null }), { releaseTimeoutMs: 1_500 });
  bench.spec = { ...bench.spec, disks: [...bench.spec.disks, newDisk(bench, 'disk1', 'virtio')] };
  await bench.start();
  const wanted = { ...bench.spec, disks: bench.spec.disks.slice(0, 1), nics: [] };
  for (const attempt of [1, 2]) {
    const { pending } = await bench.hotplug.change(bench.ctx, { spec: wanted });
    assert.deepEqual(
      pending.map(({ field }) => field),
      ['disks.disk1', 'nics.net0'],
      `attempt ${attempt}`,
    );
    for (const { reason } of pending) assert.match(reason, /did not let go/);
  }
  await bench.driver.define(bench.ctx, { spec: bench.spec });
  const types = await bench.deviceTypes();
  assert.equal(types['disk1-device'], 'virtio-blk-pci');
  assert.equal(types['net0-device'], 'virtio-net-pci');
});

test(
  'changes that fail leave all as it was: an image that is none, a CD that is not there, a TAP that is missing',
  { timeout },
  async () => {
    await using bench = await HardwareBench.make((spec) => spec);
    await bench.start();
    await bench.booted();
    const facts = 'ls /sys/block /sys/class/net; cat /sys/block/sr0/size';
    const before = await bench.shell(facts);
    const refused = newDisk(bench, 'disk1', 'virtio');
    await writeFile(refused.path, 'neither an image nor empty');
    const nic: MachineNic = { ...newNic('net1'), attachment: { kind: 'tap', tap: 'nk-none' } };
    const pending = await bench.change({
      cdrom: join(bench.spec.directory, 'none.iso'),
      disks: [...bench.spec.disks, refused],
      nics: [...bench.spec.nics, nic],
    });
    assert.deepEqual(pending.toSorted(), ['cdrom', 'disks.disk1', 'nics.net1']);
    assert.equal(await bench.shell(facts), before);
    await bench.driver.define(bench.ctx, { spec: bench.spec });
    await rm(refused.path);

    // An empty drive, and the CD again.
    const { cdrom } = bench.spec;
    assert.deepEqual(await bench.change({ cdrom: null }), []);
    assert.deepEqual(await bench.change({ cdrom }), []);
    // The first look at a new medium may fail: that is how the drive tells of it.
    assert.match(
      await bench.shell(`${until('dd if=/dev/sr0 of=/dev/null count=1')}; dd if=/dev/sr0 bs=2048 skip=16 count=1 2>/dev/null`),
      /CD001/,
    );
  },
);

test('a disk grows with the definition of a stopped VM and while it runs, but not where a snapshot holds it', { timeout }, async () => {
  await using bench = await HardwareBench.make((spec) => spec);
  const { snapshots } = bench.driver;
  assert.ok(snapshots);
  const ofSize = (mebibytes: number) => ({ disks: bench.spec.disks.map((disk) => ({ ...disk, sizeBytes: mebibytes * mebibyte })) });
  await bench.driver.define(bench.ctx, { spec: bench.spec });
  bench.spec = { ...bench.spec, ...ofSize(96) };
  await bench.start();
  await bench.booted();
  assert.equal(await bench.shell('cat /sys/block/vda/size'), String((96 * mebibyte) / 512));
  assert.deepEqual(await bench.change(ofSize(128)), []);
  assert.equal(await bench.shell('cat /sys/block/vda/size'), String((128 * mebibyte) / 512));
  await snapshots.take(bench.ctx, { vmid: bench.vmid, name: 'one', description: '', memory: false });
  assert.deepEqual(await bench.change(ofSize(160)), ['disks.disk0.sizeBytes']);
});

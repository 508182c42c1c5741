import assert from 'node:assert/strict';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { MachineDisk } from '../driver.ts';
import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';

const mebibyte = 1024 * 1024;

/** Disks of the defined and stopped machine that grow, come and go. Leaves it with its first disk, grown. */
export async function diskChanges(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { call } = bench.limits;
  const [disk] = bench.spec.disks;
  assert.ok(disk, 'the harness gives a VM with a disk');

  await bench.promise(t, 'define grows the image of a disk that is to be larger, and cuts none', call * 3, async () => {
    const grown = { ...disk, sizeBytes: disk.sizeBytes + 32 * mebibyte };
    const spec = { ...bench.spec, disks: [grown] };
    await driver.define(ctx, { spec });
    bench.spec = spec;
    assert.equal(await imageBytes(bench, disk.path), grown.sizeBytes);
    await driver.define(ctx, { spec });
    await rejectsWith('vm.spec-invalid', driver.define(ctx, { spec: { ...spec, disks: [disk] } }), 'define of a smaller disk');
    assert.equal(await imageBytes(bench, disk.path), grown.sizeBytes, 'the image was changed all the same');
    await bench.expectState('stopped', 'after the refusal');
  });

  await bench.promise(t, 'a disk that the spec has no more goes, and its image stays until it is to be deleted', call * 5, async () => {
    const second: MachineDisk = { ...disk, slot: 'disk1', path: join(bench.spec.directory, `disk-1.${disk.format}`) };
    const both = { ...bench.spec, disks: [...bench.spec.disks, second] };
    await driver.define(ctx, { spec: both });
    await rejectsWith('vm.wrong-state', driver.deleteImage(ctx, { vmid, path: second.path }), 'deleteImage of a disk that it has');
    await driver.define(ctx, { spec: bench.spec });
    assert.ok((await stat(second.path)).isFile(), 'the image is gone');
    assert.deepEqual(await driver.measureImage(ctx, { vmid, path: second.path }), { sizeBytes: second.sizeBytes });
    await driver.define(ctx, { spec: both });
    await driver.define(ctx, { spec: bench.spec });
    await driver.deleteImage(ctx, { vmid, path: second.path });
    await assert.rejects(stat(second.path), { code: 'ENOENT' });
    await driver.deleteImage(ctx, { vmid, path: second.path });
    // Made anew it is an empty one, and not what the hypervisor remembers of the former.
    await driver.define(ctx, { spec: both });
    await driver.define(ctx, { spec: bench.spec });
    await driver.deleteImage(ctx, { vmid, path: second.path });
    assert.ok((await stat(disk.path)).isFile(), 'another image is gone');
  });
}

/** What a snapshot of the stopped machine forbids. Leaves the machine as it was. */
export async function snapshotDisks(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx } = bench;
  await bench.promise(t, 'a disk that a snapshot has neither grows nor goes: snapshot.uses-disk', bench.limits.call * 2, async () => {
    const [disk] = bench.spec.disks;
    assert.ok(disk, 'the machine has a disk');
    const before = await imageBytes(bench, disk.path);
    const grown = { ...bench.spec, disks: [{ ...disk, sizeBytes: disk.sizeBytes + mebibyte }] };
    await rejectsWith('snapshot.uses-disk', driver.define(ctx, { spec: grown }), 'growth');
    await rejectsWith('snapshot.uses-disk', driver.define(ctx, { spec: { ...bench.spec, disks: [] } }), 'removal');
    assert.equal(await imageBytes(bench, disk.path), before);
    await driver.define(ctx, { spec: bench.spec });
    await bench.expectState('stopped', 'after the refusals');
  });
}

async function imageBytes({ harness }: Bench, path: string): Promise<number> {
  if (harness.imageBytes) return harness.imageBytes(path);
  await using file = await open(path, 'r');
  const header = Buffer.alloc(0x178);
  await file.read(header, 0, header.length, 0);
  // docs/interop/qcow2.rst of QEMU, and src/VBox/Storage/VDICore.h of VirtualBox.
  if (header.toString('latin1', 0, 4) === 'QFI\xfb') return Number(header.readBigUInt64BE(24));
  assert.equal(header.readUInt32LE(0x40), 0xbeda107f, `${path} is neither a qcow2 nor a VDI image`);
  return Number(header.readBigUInt64LE(0x170));
}

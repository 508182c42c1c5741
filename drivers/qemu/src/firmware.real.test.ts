import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { MachineSpec } from '@nakhoda/driver';
import { waitFor } from '@nakhoda/host';

import { HardwareBench } from './testing/hardware-bench.ts';
import { makeEfiDisk } from './testing/make-efi-disk.ts';

/** Bytes of the FAT disk that qemu-img makes. */
const diskBytes = 528_482_304;

async function makeUefi(machine: Partial<MachineSpec>, shell: boolean): Promise<HardwareBench> {
  const foreign: string[] = [];
  const bench = await HardwareBench.make(async (spec, { folder }) => {
    assert.ok(spec.cdrom !== null && spec.disks[0]);
    const disk = { ...spec.disks[0], sizeBytes: diskBytes };
    const files = join(folder, 'efi');
    foreign.push(files, disk.path);
    await makeEfiDisk({ iso: spec.cdrom, folder: files, path: disk.path, shell });
    return { ...spec, firmware: 'uefi', memoryMiB: 256, bootOrder: ['disk0'], disks: [disk], ...machine };
  });
  bench.foreign.push(...foreign);
  return bench;
}

/** What the guest and its firmware have written to the console so far. */
const consoleText = (bench: HardwareBench): Promise<string> => readFile(join(bench.spec.directory, 'serial.log'), 'latin1');

test('UEFI boots the guest, keeps its variables in an image of the VM, and snapshots take it along', { timeout: 240_000 }, async (t) => {
  await using bench = await makeUefi({}, true);
  const { snapshots } = bench.driver;
  assert.ok(snapshots);
  await bench.start();
  t.diagnostic(`UEFI, its shell's 5 s and the guest took ${(await bench.booted(150)).toFixed(1)} s`);
  assert.equal(await bench.shell('cat /sys/firmware/efi/fw_platform_size'), '64');
  const variables = join(bench.spec.directory, 'efivars.qcow2');
  assert.equal((await stat(variables)).mode & 0o777 & 0o077, 0, 'others may read the variables');

  await snapshots.take(bench.ctx, { vmid: bench.vmid, name: 'one', description: '', memory: true });
  const overlays = async (): Promise<string[]> => (await readdir(bench.spec.directory)).filter((name) => name.startsWith('efivars.layer'));
  assert.equal((await overlays()).length, 1, 'the snapshot has no layer of the variables');
  await bench.shell('echo lost > /run/after');
  await bench.powerOff();
  await snapshots.rollback(bench.ctx, { vmid: bench.vmid, name: 'one' });
  await bench.booted();
  assert.equal(await bench.shell('cat /run/after 2>/dev/null || echo gone'), 'gone');
  await snapshots.delete(bench.ctx, { vmid: bench.vmid, name: 'one' });
  assert.deepEqual(await overlays(), []);
  await bench.shell('true');
});

test('secure boot refuses a loader that nobody signed, which plain UEFI boots', { timeout: 240_000 }, async () => {
  await using bench = await makeUefi({ secureBoot: true }, false);
  await bench.start();
  const refused = async (): Promise<boolean> => (await consoleText(bench)).includes('Access Denied');
  assert.ok(await waitFor(refused, { timeoutMs: 90_000, pollMs: 200 }), 'the loader was not refused');
  assert.equal((await bench.driver.inspect(bench.ctx, { vmid: bench.vmid }))?.state, 'running');
  await bench.powerOff();

  // The same disk: the kernel alone, which finds no root file system.
  bench.spec = { ...bench.spec, secureBoot: false };
  await bench.start();
  const panicked = async (): Promise<boolean> =>
    (await bench.driver.inspect(bench.ctx, { vmid: bench.vmid }))?.reason?.includes('panicked') === true;
  assert.ok(await waitFor(panicked, { timeoutMs: 90_000, pollMs: 200 }), 'plain UEFI does not boot it either');
});

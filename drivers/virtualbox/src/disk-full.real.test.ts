import assert from 'node:assert/strict';
import { open, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Driver, MachineSpec, MachineStatus } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { exec, findTinyIso, waitFor } from '@nakhoda/host';

import { hardwareSupport } from './hardware.ts';
import { parseMachine } from './machine-file.ts';
import { makeRealHost, type RealHost } from './testing/real-host.ts';
import { mountSmallStorage } from './testing/small-storage.ts';

// One guest whose images are on a small storage of their own: what it trims comes back to that, and it is filled up.
const ctx = testContext();
const vmid = 100;
const MiB = 1024 ** 2;

/** What a line of shell in the guest prints; it must succeed. */
async function inGuest(driver: Driver, line: string): Promise<string> {
  let said = '';
  const onStdout = (data: Uint8Array): void => void (said += Buffer.from(data).toString());
  const result = await driver.guest?.exec(ctx, { vmid, argv: ['sh', '-c', line], timeoutSeconds: 120, onStdout, onStderr: onStdout });
  assert.equal(result?.exitCode, 0, said);
  return said.trim();
}

/** The image of a disk as VirtualBox reads it, with what it grows from. */
async function contentOf(host: RealHost, image: string): Promise<Buffer> {
  // Where VirtualBox's account may write.
  const raw = join(host.userHome, 'content.raw');
  await host.vboxManage(['clonemedium', image, raw, '--format', 'RAW']);
  await host.vboxManage(['closemedium', 'disk', raw]);
  const content = await readFile(raw);
  await rm(raw);
  return content;
}

/** The MiB of a disk that do not hold what they should, each with whether it is empty. */
function otherBlocks(content: Buffer, parts: readonly Buffer[]): string[] {
  const wanted = Buffer.concat(parts);
  return Array.from({ length: wanted.length / MiB }, (_, block) => block * MiB)
    .filter((at) => !content.subarray(at, at + MiB).equals(wanted.subarray(at, at + MiB)))
    .map((at) => `${at / MiB}: ${content.subarray(at, at + MiB).some((byte) => byte !== 0) ? 'other' : 'empty'}`);
}

async function firstBytes(path: string, length: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
  return buffer;
}

test('a guest trims its disk, fills the storage, is paused, says why, and goes on with nothing lost', { timeout: 240_000 }, async (t) => {
  const host = await makeRealHost();
  t.after(() => host.dispose());
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return;
  }
  const images = join(host.folder, 'images');
  await using _ = await mountSmallStorage(images, 128);
  const ballast = join(images, 'ballast');
  const iso = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
  assert.ok(iso !== null, 'the tiny guest is not there');
  const driver = host.makeDriver();
  const base = await machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: iso });
  const [first] = base.disks;
  assert.ok(first && driver.pause && driver.snapshots);
  const system = { ...first, bus: 'sata' as const };
  const data = { ...system, slot: 'disk1', path: join(base.directory, 'disk1.vdi'), sizeBytes: 32 * MiB, ssd: true };
  const spec: MachineSpec = { ...base, nics: [], disks: [system, data] };
  const status = async (): Promise<MachineStatus> => (await driver.inspect(ctx, { vmid })) ?? assert.fail('it is not known');
  await driver.define(ctx, { spec });
  try {
    await driver.start(ctx, { vmid });
    assert.ok(await driver.guest?.ready(ctx, { vmid, timeoutSeconds: 150 }), 'the guest does not answer');

    // The first disk is no SSD, and nothing of it is given back; of the second what is trimmed is.
    const trimmable = await inGuest(driver, 'cat /sys/block/sda/queue/discard_max_bytes /sys/block/sdb/queue/discard_max_bytes');
    assert.match(trimmable, /^0\n[1-9]\d+$/u);
    const write = (at: number, count: number): string =>
      `dd if=/dev/sr0 of=/dev/sdb bs=1M seek=${at} count=${count} oflag=direct 2>/dev/null`;
    const imageMiB = async (): Promise<number> => Math.round((await stat(data.path)).blocks / 2048);
    const sizes = [await imageMiB()];
    await inGuest(driver, write(0, 6));
    sizes.push(await imageMiB());
    await inGuest(driver, `blkdiscard -o ${2 * MiB} -l ${2 * MiB} /dev/sdb`);
    sizes.push(await imageMiB());
    assert.deepEqual(sizes, [0, 6, 4], 'MiB of the image: empty, written, trimmed');
    // Above a snapshot what was written since reads as zeros when it was trimmed, and the snapshot keeps what it had.
    await driver.snapshots.take(ctx, { vmid, name: 'written', description: '', memory: false });
    await inGuest(driver, `${write(5, 1)}; blkdiscard -o ${5 * MiB} -l ${MiB} /dev/sdb; blkdiscard -o 0 -l ${MiB} /dev/sdb`);

    const { bavail, bsize } = await statfs(images);
    await exec(['fallocate', '-l', String(bavail * bsize - 10 * MiB), ballast]);
    // The kernel asks again for what took longer than this.
    const filled = inGuest(driver, `echo 5 > /sys/block/sdb/device/timeout; ${write(6, 12)}; ${write(18, 12)}`);
    const isPaused = async (): Promise<boolean> => (await status()).state === 'paused';
    assert.ok(await waitFor(isPaused, { timeoutMs: 60_000, pollMs: 50 }), JSON.stringify(await status()));
    const isTold = async (): Promise<boolean> => /no room .*storage is full.*resume it/u.test((await status()).reason ?? '');
    assert.ok(await waitFor(isTold, { timeoutMs: 2000, pollMs: 20 }), JSON.stringify(await status()));
    const full = { vmid, name: 'full', description: '', memory: true };
    await assert.rejects(driver.snapshots.take(ctx, full), { code: 'snapshot.failed' });
    assert.deepEqual(
      (await driver.snapshots.list(ctx, { vmid })).map(({ name }) => name),
      ['written'],
    );
    assert.ok((await isPaused()) && (await isTold()), JSON.stringify(await status()));

    await rm(ballast);
    await driver.pause.resume(ctx, { vmid });
    assert.deepEqual([(await status()).state, (await status()).reason], ['running', undefined]);
    const since = performance.now();
    await filled;
    t.diagnostic(`went on to its end ${Math.round(performance.now() - since)} ms after it was resumed`);

    // Without room for a single byte VirtualBox cannot even write its log; then its service is asked.
    await writeFile(ballast, Buffer.alloc(128 * MiB)).catch(() => undefined);
    const more = inGuest(driver, write(30, 1));
    assert.ok(await waitFor(isPaused, { timeoutMs: 20_000, pollMs: 50 }), JSON.stringify(await status()));
    assert.ok(await waitFor(isTold, { timeoutMs: 2000, pollMs: 20 }), JSON.stringify(await status()));
    await rm(ballast);
    await driver.pause.resume(ctx, { vmid });
    await more;
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });

    const cd = await firstBytes(iso, 12 * MiB);
    const empty = Buffer.alloc(MiB);
    const parts = [cd.subarray(0, 2 * MiB), empty, empty, cd.subarray(4 * MiB, 5 * MiB), empty, cd, cd, cd.subarray(0, MiB)];
    const machine = parseMachine(await readFile(join(spec.directory, `nakhoda-${vmid}`, `nakhoda-${vmid}.vbox`), 'utf8'));
    const now = machine?.attachments.find(({ baseLocation }) => baseLocation?.endsWith('disk1.vdi'))?.mediumUuid ?? '';
    // A trim is a hint: of what only the snapshot has, VirtualBox takes no note (7.2.22), and another may.
    const others = otherBlocks(await contentOf(host, now), parts);
    t.diagnostic(`trimmed, and in the snapshot alone: ${others.includes('0: empty') ? 'reads as zeros' : 'reads as it was'}`);
    assert.deepEqual(
      others.filter((one) => one !== '0: empty'),
      [],
      'the disk does not hold what was written',
    );
    await driver.snapshots.rollback(ctx, { vmid, name: 'written' });
    const kept = [cd.subarray(0, 2 * MiB), Buffer.alloc(2 * MiB), cd.subarray(4 * MiB, 6 * MiB)];
    assert.deepEqual(otherBlocks(await contentOf(host, data.path), kept), [], 'the snapshot does not hold what it had');
    await driver.snapshots.delete(ctx, { vmid, name: 'written' });
  } finally {
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
    await driver.undefine(ctx, { vmid });
    await driver.close();
  }
  assert.deepEqual(await host.leftovers(), []);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { testContext } from '@nakhoda/driver/contract';
import { exec, waitFor } from '@nakhoda/host';

import { QmpClient } from './qmp/qmp-client.ts';
import { readSnapshots } from './snapshot-store.ts';
import { busyGuest } from './testing/busy-guest.ts';
import { makeRealQemu } from './testing/real-qemu.ts';
import {
  facet,
  images,
  keptRunning,
  names,
  powerOff,
  remove,
  scribble,
  scribbled,
  stateOf,
  take,
  twoDisks,
} from './testing/snapshot-bench.ts';

const ctx = testContext();

/** Whether the kernel lets the process watch its memory, for the kernel's own writing as well: CAP_SYS_PTRACE, or the setting. */
async function mayWatchMemory(pid: number | undefined): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const capabilities = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1]}`);
  const setting = await readFile('/proc/sys/vm/unprivileged_userfaultfd', 'utf8');
  return (capabilities & (1n << 19n)) !== 0n || setting.trim() === '1';
}

test(
  'a guest that is busy goes on from one instant of disk and memory, and stands still for a moment only',
  { timeout: 180_000 },
  async (t) => {
    await using qemu = await makeRealQemu();
    const driver = await qemu.makeDriver();
    const spec = await qemu.spec();
    const { vmid } = spec;
    await driver.define(ctx, { spec });
    await driver.start(ctx, { vmid });
    await (await busyGuest(driver, ctx, vmid)).count();
    await take(driver, vmid, 'busy', true);
    const guest = await busyGuest(driver, ctx, vmid);
    const later = await guest.counted();
    const [entry] = (await readSnapshots(spec)).entries;
    t.diagnostic(JSON.stringify(entry?.pause));
    if (await mayWatchMemory((await qemu.pids(vmid))[0])) assert.equal(entry?.pause?.reason, undefined, 'not written in the background');
    assert.ok((entry?.pause?.ms ?? 0) > 0);
    const [listed] = await facet(driver).list(ctx, { vmid });
    assert.equal(listed?.pause?.ms, entry?.pause?.ms);

    for (const disksMoreBetween of [false, true]) {
      if (disksMoreBetween) await take(driver, vmid, 'between');
      await facet(driver).rollback(ctx, { vmid, name: 'busy' });
      assert.equal(await stateOf(driver, vmid), 'running');
      const restored = await (await busyGuest(driver, ctx, vmid)).counted();
      assert.ok(restored.memory > 0 && [0, 1].includes(restored.memory - restored.disk), JSON.stringify(restored));
      assert.ok(restored.memory <= later.memory + 10_000, 'counted on from elsewhere');
    }
    await facet(driver).delete(ctx, { vmid, name: 'busy' });
    await facet(driver).delete(ctx, { vmid, name: 'between' });
    const fsck = await (await busyGuest(driver, ctx, vmid)).shell('cat /data/count');
    assert.ok(Number(fsck) > 0);
    await remove(qemu, driver, vmid);
  },
);

test('where QEMU may not watch memory, the guest stands still meanwhile, and it is said why', { timeout: 120_000 }, async () => {
  // userfaultfd(2) is refused to a QEMU that is not root's and has no capability, as each is that is isolated.
  await using limited = await makeRealQemu({ userfaultfd: false });
  const driver = await limited.makeDriver();
  const spec = await limited.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  await (await busyGuest(driver, ctx, vmid)).count();
  const told = testContext();
  await facet(driver).take(told, { vmid, name: 'still', description: '', memory: true });
  assert.equal(await stateOf(driver, vmid), 'running');
  const [taken] = await facet(driver).list(ctx, { vmid });
  const { version } = await driver.probe(ctx);
  if (Number(version?.split('.')[0]) >= 8) {
    // It finds /dev/userfaultfd in its view (seen with 10.0.13).
    assert.equal(taken?.pause?.reason, undefined);
  } else {
    assert.match(taken?.pause?.reason ?? '', /cannot write a guest's memory while it runs.*not supported by host kernel/i);
    assert.match(told.lines.join('\n'), /stood still for .* ms .*not supported by host kernel/i);
  }
  await (await busyGuest(driver, ctx, vmid)).counted();
  await facet(driver).rollback(ctx, { vmid, name: 'still' });
  const restored = await (await busyGuest(driver, ctx, vmid)).counted();
  assert.ok(restored.memory > 0 && [0, 1].includes(restored.memory - restored.disk), JSON.stringify(restored));
  await remove(limited, driver, vmid);
});

test('memory for which there is no room fails the snapshot, and not the guest', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  const small = join(qemu.folder, 'images');
  await exec(['mount', '-t', 'tmpfs', '-o', 'size=32M', 'tmpfs', small]);
  await using unmount = new AsyncDisposableStack();
  unmount.defer(async () => void (await exec(['umount', '--lazy', small])));
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  const guest = await busyGuest(driver, ctx, vmid);
  await guest.shell('dd if=/dev/urandom of=/run/held bs=1M count=40 2>/dev/null');
  await guest.count();
  await assert.rejects(take(driver, vmid, 'large', true), { code: 'snapshot.failed', message: /No space left on device/ });
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.deepEqual(await names(driver, vmid), []);
  assert.deepEqual(await images(spec), ['disk0.qcow2']);
  const { memory, disk } = await guest.counted();
  assert.ok(memory > 0 && memory - disk <= 1, `${memory}, ${disk}`);
  await take(driver, vmid, 'disks');
  await remove(qemu, driver, vmid);
});

test('a take that is cancelled while memory is written leaves nothing, and the guest running', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  await (await busyGuest(driver, ctx, vmid)).count();
  const cancelled = testContext();
  const progress = (): void => cancelled.abort(new Error('changed my mind'));
  const attempt = facet(driver).take({ ...cancelled, progress }, { vmid, name: 'one', description: '', memory: true });
  await assert.rejects(attempt, { message: 'changed my mind' });
  assert.equal(await stateOf(driver, vmid), 'running');
  assert.deepEqual(await names(driver, vmid), []);
  assert.deepEqual(await images(spec), ['disk0.qcow2']);
  const { memory, disk } = await (await busyGuest(driver, ctx, vmid)).counted();
  assert.ok(memory > 0 && [0, 1].includes(memory - disk), `${memory}, ${disk}`);
  await remove(qemu, driver, vmid);
});

test('a paused VM stays paused, and its snapshot runs', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const first = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await first.define(ctx, { spec });
  await first.start(ctx, { vmid });
  await first.pause?.pause(ctx, { vmid });
  await take(first, vmid, 'paused', true);
  await take(first, vmid, 'disks');
  assert.match(await stateOf(first, vmid), /^paused/);
  await first.close();

  // As if the daemon had died just after all memory was sent.
  const qmp = await QmpClient.connect({ socketPath: join(spec.runtimeDirectory, 'qmp.sock'), timeoutMs: 2_000 });
  const socketPath = join(spec.runtimeDirectory, 'memory-of-a-test');
  const server = createServer((socket) => socket.resume()).listen(socketPath);
  await once(server, 'listening');
  // QEMU is another user than this test.
  await chmod(socketPath, 0o666);
  await qmp.execute('migrate', { uri: `unix:${socketPath}` });
  const isSent = async (): Promise<boolean> => (await qmp.execute('query-status', {})).status === 'postmigrate';
  assert.ok(await waitFor(isSent, { timeoutMs: 10_000, pollMs: 20 }));
  server.close();
  qmp.close();

  const driver = await qemu.makeDriver();
  await facet(driver).delete(ctx, { vmid, name: 'disks' });
  assert.equal((await images(spec)).length, 5, 'the disks were not QEMU’s again');
  assert.match(await stateOf(driver, vmid), /^paused/);
  await facet(driver).rollback(ctx, { vmid, name: 'paused' });
  assert.equal(await stateOf(driver, vmid), 'running');
  await remove(qemu, driver, vmid);
});

test(
  'memory that is not whole is refused while the VM runs on; memory that QEMU cannot read leaves the disks as they were',
  {
    timeout: 60_000,
  },
  async () => {
    await using qemu = await makeRealQemu();
    const { driver, spec, vmid } = await keptRunning(qemu, 'live');
    await powerOff(driver, vmid);
    await scribble(spec, 'b');
    await driver.start(ctx, { vmid });
    const path = join(spec.directory, (await images(spec)).find((name) => name.startsWith('memory')) ?? '');
    const whole = await readFile(path);

    await truncate(path, whole.length - 1);
    const rollback = (): Promise<void> => facet(driver).rollback(ctx, { vmid, name: 'live' });
    await assert.rejects(rollback(), { code: 'snapshot.failed', message: /is not whole/ });
    assert.equal(await stateOf(driver, vmid), 'running');

    await writeFile(path, whole.fill(0x55, Math.floor(whole.length / 2)));
    await assert.rejects(rollback(), { code: 'snapshot.failed' });
    assert.match(await stateOf(driver, vmid), /^stopped: The last start failed: QEMU could not read the guest's memory: \S+/);
    assert.equal(await scribbled(spec), 'b');
    assert.equal((await images(spec)).length, 5, 'overlays of the rollback were left');

    await driver.define(ctx, { spec: { ...spec, memoryMiB: 48 } });
    await assert.rejects(rollback(), { code: 'snapshot.failed', message: /memoryMiB was 32 and is 48/ });
    await remove(qemu, driver, vmid);
  },
);

import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import type { Driver } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { waitFor, fileExists } from '@nakhoda/host';

import { machinePaths } from './machine-paths.ts';
import type { RunRecord } from './machine-record.ts';
import { makeRealQemu, type RealQemu } from './testing/real-qemu.ts';

// What the contract cannot ask of every driver: memory that does not fit, and daemons that were killed at the worst moment.
const ctx = testContext();

/** A small VM that boots nothing: its firmware's memory is as good as any. */
async function runningVm(qemu: RealQemu): Promise<{ driver: Driver; vmid: number; paths: ReturnType<typeof machinePaths> }> {
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec({ cdrom: null, memoryMiB: 32 });
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid: spec.vmid });
  return { driver, vmid: spec.vmid, paths: machinePaths(spec) };
}

test('memory that is not whole, or of another machine, is not loaded, and nothing of it is lost', async () => {
  await using qemu = await makeRealQemu();
  const { driver, vmid, paths } = await runningVm(qemu);
  await driver.suspend?.suspend(ctx, { vmid });
  const memory = await readFile(paths.suspendedMemory);
  await truncate(paths.suspendedMemory, memory.length - 1);
  await assert.rejects(driver.start(ctx, { vmid }), { code: 'vm.start-failed', message: /not whole/, hint: /vm discard/ });
  assert.deepEqual(await qemu.pids(vmid), []);
  await writeFile(paths.suspendedMemory, memory);

  const record = JSON.parse(await readFile(paths.suspended, 'utf8')) as { hardware: { memoryMiB: number } };
  record.hardware.memoryMiB = 64;
  const kept = await readFile(paths.suspended);
  await writeFile(paths.suspended, JSON.stringify(record));
  await driver.close();
  const second = await qemu.makeDriver();
  await assert.rejects(second.start(ctx, { vmid }), { code: 'vm.start-failed', message: /memoryMiB was 64 and is 32/ });
  await writeFile(paths.suspended, kept);
  await second.close();

  const third = await qemu.makeDriver();
  await third.start(ctx, { vmid });
  assert.equal((await third.inspect(ctx, { vmid }))?.state, 'running');
  assert.equal(await fileExists(paths.suspendedMemory), false);
  await third.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 5 });
  await third.undefine(ctx, { vmid });
  await third.close();
});

test('a rollback throws the memory away: it is not of those disks', async () => {
  await using qemu = await makeRealQemu();
  const { driver, vmid, paths } = await runningVm(qemu);
  await driver.snapshots?.take(ctx, { vmid, name: 'before', description: '', memory: false });
  await driver.suspend?.suspend(ctx, { vmid });
  await driver.snapshots?.rollback(ctx, { vmid, name: 'before' });
  const status = await driver.inspect(ctx, { vmid });
  assert.deepEqual([status?.state, status?.suspended], ['stopped', undefined]);
  assert.equal(await fileExists(paths.suspended), false);
  await driver.undefine(ctx, { vmid });
  await driver.close();
  assert.deepEqual(await qemu.leftovers(), []);
});

test('a daemon killed when the memory was on disk: the next one ends QEMU, and the VM is suspended', async () => {
  await using qemu = await makeRealQemu();
  const { driver, vmid, paths } = await runningVm(qemu);
  await driver.suspend?.suspend(ctx, { vmid });
  const [record, memory] = [await readFile(paths.suspended), await readFile(paths.suspendedMemory)];
  await driver.start(ctx, { vmid });
  await driver.close();
  // As it was left: the record is written, and QEMU has not been told to go.
  await writeFile(paths.suspendedMemory, memory);
  await writeFile(paths.suspended, record);
  const next = await qemu.makeDriver();
  await next.list(ctx);
  assert.ok(await waitFor(async () => (await qemu.pids(vmid)).length === 0, { timeoutMs: 10_000, pollMs: 20 }));
  const status = await next.inspect(ctx, { vmid });
  assert.deepEqual([status?.state, status?.suspended], ['stopped', true]);
  await next.start(ctx, { vmid });
  await next.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 5 });
  await next.undefine(ctx, { vmid });
  await next.close();
});

test('a daemon killed when the memory was loaded and the guest about to run: the next one lets it run, and the memory is used up', async () => {
  await using qemu = await makeRealQemu();
  const { driver, vmid, paths } = await runningVm(qemu);
  const [pid] = await qemu.pids(vmid);
  await driver.pause?.pause(ctx, { vmid });
  await driver.close();
  const boot = JSON.parse(await readFile(paths.boot, 'utf8')) as RunRecord;
  await writeFile(paths.boot, JSON.stringify({ ...boot, begun: false, loaded: true }));
  await writeFile(paths.suspended, JSON.stringify({ format: 1, memoryBytes: 1, hardware: {}, at: '2026-01-01T00:00:00.000Z' }));
  await writeFile(paths.suspendedMemory, 'x');
  const next = await qemu.makeDriver();
  await next.list(ctx);
  assert.ok(await waitFor(async () => (await next.inspect(ctx, { vmid }))?.state === 'running', { timeoutMs: 10_000, pollMs: 20 }));
  assert.deepEqual(await qemu.pids(vmid), [pid]);
  assert.deepEqual([await fileExists(paths.suspended), await fileExists(paths.suspendedMemory)], [false, false]);
  await next.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 5 });
  await next.undefine(ctx, { vmid });
  await next.close();
  assert.deepEqual(await qemu.leftovers(), []);
});

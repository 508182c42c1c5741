import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { defaultNic, type Driver, fixedHardware, type MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { exec, probeIsolation, processRef, waitFor } from '@nakhoda/host';

import { QmpClient } from './qmp/qmp-client.ts';
import { makeRealQemu, type RealQemu } from './testing/real-qemu.ts';

const ctx = testContext();

const isIsolated = async (): Promise<boolean> => (await probeIsolation()).ok;

/** A VM with a driver of its own, running its BIOS; most of these tests need no guest. */
async function runningVm(qemu: RealQemu, overrides: Partial<MachineSpec> = {}) {
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec({ cdrom: null, memoryMiB: 32, ...overrides });
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid: spec.vmid });
  return { driver, spec, vmid: spec.vmid };
}

async function remove(driver: Driver, vmid: number): Promise<void> {
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await driver.undefine(ctx, { vmid });
  await driver.close();
}

const stateOf = async (driver: Driver, vmid: number): Promise<string> => {
  const status = await driver.inspect(ctx, { vmid });
  return `${status?.state}${status?.reason === undefined ? '' : `: ${status.reason}`}`;
};

test('a QEMU that hangs blocks nobody, comes back, and can be powered off', async () => {
  await using qemu = await makeRealQemu();
  const { driver, vmid } = await runningVm(qemu);
  const other = await qemu.spec({ cdrom: null });
  await driver.define(ctx, { spec: other });
  const [pid] = await qemu.pids(vmid);
  assert.ok(pid !== undefined);

  process.kill(pid, 'SIGSTOP');
  const since = performance.now();
  const states = (await driver.list(ctx)).map(({ state }) => state);
  assert.deepEqual(states, ['unknown', 'stopped']);
  assert.match(await stateOf(driver, vmid), /does not answer/);
  assert.ok(performance.now() - since < 6_000, `two looks took ${performance.now() - since} ms`);

  process.kill(pid, 'SIGCONT');
  assert.ok(await waitFor(async () => (await stateOf(driver, vmid)) === 'running', { timeoutMs: 5_000 }));

  process.kill(pid, 'SIGSTOP');
  await driver.close();
  // A fresh daemon meets it hanging.
  const next = await qemu.makeDriver();
  assert.match(await stateOf(next, vmid), /^unknown/);
  await next.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  assert.equal(processRef(pid), null);
  assert.equal(await stateOf(next, vmid), 'stopped');
  await next.undefine(ctx, { vmid: other.vmid });
  await remove(next, vmid);
  assert.deepEqual(await qemu.leftovers(), []);
});

test('a guest that powers itself off is stopped, also when no daemon was there', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  assert.ok(await driver.guest?.ready(ctx, { vmid, timeoutSeconds: 60 }));
  const quiet = { timeoutSeconds: 10, onStdout: () => undefined, onStderr: () => undefined };
  await driver.guest?.exec(ctx, { vmid, argv: ['sh', '-c', '(sleep 1; shutdown -P) >/dev/null 2>&1 &'], ...quiet });
  await driver.close();
  await waitFor(async () => (await qmpStatus(join(spec.runtimeDirectory, 'qmp.sock'))) === 'shutdown', { timeoutMs: 30_000, pollMs: 500 });

  const next = await qemu.makeDriver();
  assert.ok(await waitFor(async () => (await stateOf(next, vmid)) === 'stopped', { timeoutMs: 30_000 }), await stateOf(next, vmid));
  assert.deepEqual(await qemu.pids(vmid), []);

  await next.start(ctx, { vmid });
  assert.ok(await next.guest?.ready(ctx, { vmid, timeoutSeconds: 60 }));
  await next.guest?.exec(ctx, { vmid, argv: ['shutdown', '-P'], ...quiet }).catch(() => undefined);
  assert.ok(await waitFor(async () => (await stateOf(next, vmid)) === 'stopped', { timeoutMs: 30_000 }), await stateOf(next, vmid));
  await remove(next, vmid);
  assert.deepEqual(await qemu.leftovers(), []);
});

/** What a QEMU whose daemon is gone says of its guest. */
async function qmpStatus(socketPath: string): Promise<string> {
  const qmp = await QmpClient.connect({ socketPath, timeoutMs: 2_000 });
  try {
    return (await qmp.execute('query-status', {})).status;
  } finally {
    qmp.close();
  }
}

test('what a killed daemon left of a start is ended, and the VM starts again', async () => {
  await using qemu = await makeRealQemu();
  const { driver, spec, vmid } = await runningVm(qemu);
  await driver.close();
  const bootPath = join(spec.runtimeDirectory, 'process.json');
  const run = JSON.parse(await readFile(bootPath, 'utf8')) as Record<string, unknown>;
  // As if it had died before the guest ran, and before it could put down the process.
  for (const left of [
    { ...run, begun: false },
    { kind: 'launching', at: new Date().toISOString() },
  ]) {
    await writeFile(bootPath, JSON.stringify(left));
    const next = await qemu.makeDriver();
    assert.match(await stateOf(next, vmid), /^stopped: .*interrupted/);
    assert.deepEqual(await qemu.pids(vmid), []);
    await next.start(ctx, { vmid });
    assert.equal(await stateOf(next, vmid), 'running');
    await next.close();
  }
  await remove(await qemu.makeDriver(), vmid);
  assert.deepEqual(await qemu.leftovers(), []);
});

test("a start that QEMU refuses has QEMU's words, and leaves no process", async () => {
  await using qemu = await makeRealQemu();
  const { driver, spec: first, vmid: holder } = await runningVm(qemu);
  const spec = await qemu.spec({ cdrom: null });
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await writeFile(spec.disks[0]?.path ?? '', 'no image any more');
  await assert.rejects(driver.start(ctx, { vmid }), { code: 'vm.start-failed', message: /Image is not in qcow2 format/ });
  assert.match(await stateOf(driver, vmid), /^stopped: .*not in qcow2 format/);
  assert.deepEqual(await qemu.pids(vmid), []);
  await rm(spec.disks[0]?.path ?? '');

  // Another VM's disk, which that one has open.
  await driver.define(ctx, { spec: { ...spec, disks: first.disks } });
  const message = (await isIsolated()) ? /belongs to another VM \(user \d+\)/ : /Failed to get "write" lock/;
  await assert.rejects(driver.start(ctx, { vmid }), { code: 'vm.start-failed', message });
  assert.deepEqual(await qemu.pids(vmid), []);

  await driver.define(ctx, {
    spec: {
      ...spec,
      nics: [{ slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'tap', tap: 'nk-none' }, ...defaultNic(fixedHardware) }],
    },
  });
  await assert.rejects(driver.start(ctx, { vmid }), { code: 'vm.start-failed', message: /nk-none of its NIC net0 does not exist/ });

  await driver.stop(ctx, { vmid: holder, mode: 'poweroff', timeoutSeconds: 10 });
  await driver.define(ctx, { spec });
  const cancelled = testContext();
  cancelled.abort(new Error('changed my mind'));
  await assert.rejects(driver.start(cancelled, { vmid }), { message: 'changed my mind' });
  assert.deepEqual(await qemu.pids(vmid), []);
  await driver.undefine(ctx, { vmid });
  await remove(driver, holder);
  assert.deepEqual(await qemu.leftovers(), []);
});

test('a VM without a disk has no snapshots, and a disk that names another file is refused', async () => {
  await using qemu = await makeRealQemu();
  const { driver, vmid } = await runningVm(qemu, { disks: [] });
  await assert.rejects(driver.snapshots?.take(ctx, { vmid, name: 'a', description: '', memory: true }) ?? Promise.resolve(), {
    code: 'snapshot.needs-disk',
  });
  await remove(driver, vmid);

  const next = await qemu.makeDriver();
  const spec = await qemu.spec();
  const path = spec.disks[0]?.path ?? '';
  await exec(['qemu-img', 'create', '-q', '-f', 'raw', join(qemu.folder, 'base'), '1M']);
  await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', join(qemu.folder, 'base'), '-F', 'raw', path]);
  await assert.rejects(next.define(ctx, { spec }), { code: 'storage.volume-refused', message: /backing file/ });
  assert.equal(await next.inspect(ctx, { vmid: spec.vmid }), null);
  await next.close();
});

test('a NIC on a TAP carries frames, one without a cable has no carrier', { timeout: 120_000 }, async () => {
  // In a network namespace that holds nothing but loopback and ends with its process.
  const scenario = fileURLToPath(new URL('testing/tap-scenario.ts', import.meta.url));
  await exec(['unshare', '--net', process.execPath, scenario], { timeoutMs: 110_000 });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { readRunFile } from './run-record.ts';
import { makeRealHost, processesOf } from './testing/real-host.ts';
import { hardwareSupport } from './hardware.ts';
import type { RealHost } from './testing/real-host.ts';

// What the contract cannot ask of every driver. The VM has nothing to boot from, so these cost seconds.
const ctx = testContext();
const vmid = 100;
const hardware = hardwareSupport('interpreter');
let host: RealHost;
let spec: MachineSpec;

before(async () => {
  host = await makeRealHost();
  spec = await machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware, cdrom: null });
});
after(async () => {
  const left = host.runtime === null ? [] : await host.leftovers();
  await host.dispose();
  assert.deepEqual(left, []);
});

/** A driver with the VM defined; both are gone at the end of the test. Null when there is no VirtualBox here. */
async function withMachine(t: TestContext): Promise<Driver | null> {
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return null;
  }
  // VirtualBox takes 3 s for some calls after a front end was killed: it waits for that one's answer to an event. And one call
  // in some 300, whichever, waits 10 s for a message (7.2.22).
  const driver = host.makeDriver({ callTimeoutMs: 12_000 });
  t.after(async () => {
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
    await driver.undefine(ctx, { vmid });
    await driver.close();
  });
  await driver.define(ctx, { spec });
  return driver;
}

const fails =
  (code: string, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof NakhodaError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };

const frontEnds = async (): Promise<string[]> =>
  (await processesOf(host.userHome)).map(({ commandLine }) => commandLine).filter((line) => /VirtualBoxVM|VBoxHeadless|Xvfb/.test(line));

test('a start that VirtualBox refuses tells its words, and leaves no process; the next one works', { timeout: 60_000 }, async (t) => {
  const driver = await withMachine(t);
  if (!driver) return;
  const image = spec.disks[0]?.path ?? '';
  await rename(image, `${image}.away`);
  await assert.rejects(driver.start(ctx, { vmid }), fails('vm.start-failed', /VERR_FILE_NOT_FOUND.*disk0\.vdi/));
  const failed = await driver.inspect(ctx, { vmid });
  assert.equal(failed?.state, 'stopped');
  assert.match(failed.reason ?? '', /VERR_FILE_NOT_FOUND/);
  assert.deepEqual(await frontEnds(), []);

  await rename(`${image}.away`, image);
  await driver.start(ctx, { vmid });
  const running = await driver.inspect(ctx, { vmid });
  assert.deepEqual([running?.state, running?.reason], ['running', undefined]);
});

test(
  'a service that hangs: an error after the time limit, power can be taken off, and later all goes on',
  { timeout: 120_000 },
  async (t) => {
    const driver = await withMachine(t);
    if (!driver) return;
    await driver.start(ctx, { vmid });
    const service = (await processesOf(host.userHome)).find(({ commandLine }) => commandLine.includes('/VBoxSVC'));
    assert.ok(service, 'VBoxSVC does not run');
    process.kill(service.pid, 'SIGSTOP');
    try {
      const other = await machineSpec({ folder: host.folder, vmid: 101, diskFormat: 'vdi', hardware, cdrom: null });
      await assert.rejects(driver.define(ctx, { spec: other }), fails('hypervisor.timeout', /registervm did not answer within 12 s/));
      await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
      assert.deepEqual(
        (await frontEnds()).filter((line) => line.includes('VirtualBoxVM')),
        [],
      );
    } finally {
      process.kill(service.pid, 'SIGCONT');
    }
    // The hanging service may have made the machine after all; defining it again takes that up.
    const again = await machineSpec({ folder: host.folder, vmid: 101, diskFormat: 'vdi', hardware, cdrom: null });
    await driver.define(ctx, { spec: again });
    await driver.undefine(ctx, { vmid: 101 });
    await driver.start(ctx, { vmid });
  },
);

test('a daemon killed in the middle of a start: the next one finds the VM running', { timeout: 60_000 }, async (t) => {
  const driver = await withMachine(t);
  if (!driver) return;
  const script = fileURLToPath(new URL('./testing/start-machine.ts', import.meta.url));
  const daemon = spawn(process.execPath, [script, host.folder, String(vmid)], { stdio: 'inherit' });
  const record = await waitFor(
    async () => {
      const file = await readRunFile(spec.runtimeDirectory);
      return file !== null && 'run' in file && file;
    },
    { timeoutMs: 20_000, pollMs: 10 },
  );
  daemon.kill('SIGKILL');
  assert.ok(record);

  const successor = host.makeDriver();
  t.after(() => successor.close());
  const running = await waitFor(async () => (await successor.inspect(ctx, { vmid }))?.state === 'running', { timeoutMs: 20_000 });
  assert.ok(running, `the VM is ${(await successor.inspect(ctx, { vmid }))?.state}`);
  assert.equal((await successor.inspect(ctx, { vmid }))?.pid, record.run.process.pid);
});

test('a service that was killed takes no guest with it, and power can still be taken off', { timeout: 60_000 }, async (t) => {
  const driver = await withMachine(t);
  if (!driver) return;
  await driver.start(ctx, { vmid });
  const service = (await processesOf(host.userHome)).find(({ commandLine }) => commandLine.includes('/VBoxSVC'));
  assert.ok(service, 'VBoxSVC does not run');
  process.kill(service.pid, 'SIGKILL');
  await waitFor(async () => (await processesOf(host.userHome)).every(({ pid }) => pid !== service.pid), { timeoutMs: 5000 });
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running');
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'stopped');
});

test('a rollback of disks brings back the machine that was changed since, to and fro', { timeout: 60_000 }, async (t) => {
  const driver = await withMachine(t);
  if (!driver) return;
  const { snapshots } = driver;
  assert.ok(snapshots);
  const [disk] = spec.disks;
  const [nic] = spec.nics;
  assert.ok(disk && nic);
  const other: MachineSpec = {
    ...spec,
    memoryMiB: 160,
    disks: [disk, { ...disk, slot: 'disk1', path: disk.path.replace('disk0', 'disk1') }],
    nics: [nic, { ...nic, slot: 'net1', mac: '56:54:00:00:00:64' }],
  };
  const take = (name: string): Promise<void> => snapshots.take(ctx, { vmid, name, description: '', memory: false });
  /** Settings and record agree, so that to define the same changes nothing. */
  const expectSame = async (wanted: MachineSpec): Promise<void> => {
    const status = await driver.inspect(ctx, { vmid });
    assert.deepEqual([status?.state, status?.changedOutside], ['stopped', undefined]);
    await driver.define(ctx, { spec: wanted });
    assert.equal((await driver.inspect(ctx, { vmid }))?.changedOutside, undefined);
  };
  await take('one');
  await driver.define(ctx, { spec: other });
  await take('two');
  await snapshots.rollback(ctx, { vmid, name: 'one', spec });
  await expectSame(spec);
  await snapshots.rollback(ctx, { vmid, name: 'two', spec: other });
  await expectSame(other);
  await assert.rejects(driver.deleteImage(ctx, { vmid, path: other.disks[1]?.path ?? '' }), fails('vm.wrong-state', /has the disk/));
});

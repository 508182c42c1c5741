import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { DriverEvent, MachineSpec } from '@nakhoda/driver';
import { machineSpec, testContext } from '@nakhoda/driver/contract';
import { NakhodaError } from '@nakhoda/schema';

import { fakeCapabilities } from './fake-capabilities.ts';
import { createFakeDriver, type FakeDriver } from './fake-driver.ts';
import { FakeFaults } from './fake-faults.ts';

// What every driver does is in contract.test.ts; here is what only the fake one does.

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nk-fake-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function specIn(folder: string, overrides: Partial<MachineSpec> = {}): Promise<MachineSpec> {
  return machineSpec({ folder, vmid: 100, diskFormat: 'qcow2', hardware: fakeCapabilities.hardware, cdrom: null, overrides });
}

async function output(driver: FakeDriver, argv: string[]): Promise<string> {
  let text = '';
  const onStdout = (data: Uint8Array): void => void (text += Buffer.from(data).toString('utf8'));
  const { exitCode } = await driver.guest.exec(testContext(), { vmid: 100, argv, timeoutSeconds: 5, onStdout, onStderr: onStdout });
  return `${exitCode}:${text}`;
}

test('a fault makes a call fail as often as asked, and nothing is done', async (t) => {
  const faults = new FakeFaults();
  const driver = createFakeDriver({ faults });
  const ctx = testContext();
  await driver.define(ctx, { spec: await specIn(await temporaryFolder(t)) });
  const error = new NakhodaError('hypervisor.timeout', { message: 'It did not answer.', hint: 'Wait.' });
  faults.fail('start', error, { times: 1 });
  await assert.rejects(driver.start(ctx, { vmid: 100 }), error);
  assert.equal((await driver.inspect(ctx, { vmid: 100 }))?.state, 'stopped');
  await driver.start(ctx, { vmid: 100 });
  assert.equal((await driver.inspect(ctx, { vmid: 100 }))?.state, 'running');

  faults.fail('guest.exec', error);
  await assert.rejects(output(driver, ['true']), error);
  await assert.rejects(output(driver, ['true']), error);
  faults.clear();
  assert.equal(await output(driver, ['true']), '0:');
});

test('a call that hangs ends with its signal, by its reason', async () => {
  const faults = new FakeFaults();
  const driver = createFakeDriver({ faults });
  faults.hang('list', { times: 1 });
  const ctx = testContext();
  const hanging = driver.list(ctx);
  const reason = new Error('cancelled');
  ctx.abort(reason);
  await assert.rejects(hanging, reason);
  assert.deepEqual(await driver.list(testContext()), []);
});

test('every call takes the latency', async () => {
  const driver = createFakeDriver({ latencyMs: 30 });
  const since = performance.now();
  await driver.list(testContext());
  assert.ok(performance.now() - since >= 29);
});

test('machines in a file are found by another instance: running, with disk, memory and snapshots', async (t) => {
  const folder = await temporaryFolder(t);
  const persistPath = join(folder, 'machines.json');
  const ctx = testContext();
  const first = createFakeDriver({ persistPath });
  await first.define(ctx, { spec: await specIn(folder) });
  await first.start(ctx, { vmid: 100 });
  await output(first, ['sh', '-c', 'echo disk > /data/x; echo memory > /run/x']);
  await first.snapshots.take(ctx, { vmid: 100, name: 'one', description: '', memory: true });
  const before = await first.list(ctx);

  const second = createFakeDriver({ persistPath });
  assert.deepEqual(await second.list(ctx), before);
  assert.equal(await output(second, ['cat', '/data/x', '/run/x']), '0:disk\nmemory\n');
  await output(second, ['rm', '/data/x']);
  await second.snapshots.rollback(ctx, { vmid: 100, name: 'one' });
  assert.equal(await output(second, ['cat', '/data/x']), '0:disk\n');
});

test('a guest that switches itself off is stopped, not crashed; one that reboots loses its memory, not its disk', async (t) => {
  const driver = createFakeDriver();
  const ctx = testContext();
  await driver.define(ctx, { spec: await specIn(await temporaryFolder(t)) });
  await driver.start(ctx, { vmid: 100 });
  await output(driver, ['sh', '-c', 'echo disk > /data/x; echo memory > /run/x']);
  const states = async (argv: string[], count: number): Promise<void> => {
    const ended = new AbortController();
    const seen: DriverEvent[] = [];
    const events = driver.events(ended.signal);
    await output(driver, argv);
    for await (const event of events) if (seen.push(event) === count) ended.abort();
  };
  await states(['reboot'], 2);
  assert.equal(await output(driver, ['ls', '/data', '/run']), '0:x\n');
  await states(['poweroff'], 1);
  const status = await driver.inspect(ctx, { vmid: 100 });
  assert.equal(status?.state, 'stopped');
  assert.equal(status.reason, undefined);
});

test('a test can give the guest programs and addresses', async (t) => {
  const commands = { ping: () => 0 };
  const driver = createFakeDriver({ commands, addressOf: (nic) => (nic.slot === 'net0' ? '10.77.0.5' : null) });
  const ctx = testContext();
  const spec = await specIn(await temporaryFolder(t));
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid: 100 });
  assert.equal(await output(driver, ['ping']), '0:');
  assert.deepEqual(await driver.guest.addresses(ctx, { vmid: 100 }), [{ mac: spec.nics[0]?.mac, address: '10.77.0.5' }]);
});

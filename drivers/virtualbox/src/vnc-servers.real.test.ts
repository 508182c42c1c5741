import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, RfbViewer, testContext } from '@nakhoda/driver/contract';
import { type TcpListener, tcpListenersOf, waitFor } from '@nakhoda/host';

import { hardwareSupport } from './hardware.ts';
import { makeRealHost, processesOf, type RealHost } from './testing/real-host.ts';

// What VirtualBox's VNC server must never do. The VMs have nothing to boot from, so these cost seconds.
const ctx = testContext();
const vmids = [100, 101] as const;
let host: RealHost;
let specs: MachineSpec[];

before(async () => {
  host = await makeRealHost();
  const hardware = hardwareSupport('interpreter');
  const make = (vmid: number): Promise<MachineSpec> => machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware, cdrom: null });
  specs = await Promise.all(vmids.map(make));
});
after(async () => {
  const left = host.runtime === null ? [] : await host.leftovers();
  await host.dispose();
  assert.deepEqual(left, []);
});

/** A driver with both VMs running; all is gone at the end of the test. Null when there is no VirtualBox here. */
async function withMachines(t: TestContext): Promise<Driver | null> {
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return null;
  }
  const driver = host.makeDriver();
  t.after(async () => {
    const last = host.makeDriver();
    for (const vmid of vmids) {
      await last.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
      await last.undefine(ctx, { vmid });
    }
    await last.close();
    await driver.close();
  });
  for (const spec of specs) {
    await driver.define(ctx, { spec });
    await driver.start(ctx, { vmid: spec.vmid });
  }
  return driver;
}

async function open(driver: Driver, vmid: number): Promise<{ viewer: RfbViewer; password: string }> {
  assert.ok(driver.vnc);
  const connection = await driver.vnc.open(ctx, { vmid });
  return { viewer: await RfbViewer.open(connection, 30), password: connection.password ?? '' };
}

async function listeners(driver: Driver, vmid: number): Promise<TcpListener[]> {
  const status = await driver.inspect(ctx, { vmid });
  assert.ok(status?.pid);
  return tcpListenersOf(status.pid);
}

async function untilOff(driver: Driver, vmid: number): Promise<void> {
  const off = await waitFor(async () => (await listeners(driver, vmid)).length === 0, { timeoutMs: 15_000 });
  assert.ok(off, `it still listens: ${JSON.stringify(await listeners(driver, vmid))}`);
}

/** VBoxManage as somebody else on the host may call it. */
async function manage(...args: string[]): Promise<void> {
  await host.vboxManage(args);
}

test(
  'two VMs at once: each on a port of 127.0.0.1 alone, each time with another password, off when the last has left',
  { timeout: 120_000 },
  async (t) => {
    const driver = await withMachines(t);
    if (!driver) return;
    for (const vmid of vmids) assert.deepEqual(await listeners(driver, vmid), [], 'before anybody looks');

    const [one, other] = await Promise.all(vmids.map((vmid) => open(driver, vmid)));
    assert.ok(one && other);
    const found = (await Promise.all(vmids.map((vmid) => listeners(driver, vmid)))).flat();
    assert.deepEqual(
      found.map(({ address }) => address),
      ['127.0.0.1', '127.0.0.1'],
    );
    assert.notEqual(found[0]?.port, found[1]?.port);
    for (const { viewer } of [one, other]) assert.ok((await viewer.frame()).width >= 640);
    assert.match(one.password, /^[A-Za-z0-9]{8}$/u);
    assert.notEqual(one.password, other.password);

    const second = await open(driver, 100);
    one.viewer.close();
    assert.ok((await second.viewer.frame()).width >= 640, 'one that left did not switch it off for the other');
    second.viewer.close();
    other.viewer.close();
    for (const vmid of vmids) await untilOff(driver, vmid);

    const again = await open(driver, 100);
    assert.notEqual(again.password, one.password);
    again.viewer.close();
    await untilOff(driver, 100);
  },
);

test('switched off behind our back, it is switched on again for the next viewer', { timeout: 90_000 }, async (t) => {
  const driver = await withMachines(t);
  if (!driver) return;
  const first = await open(driver, 100);
  await manage('controlvm', specs[0]?.uuid ?? '', 'vrde', 'off');
  const second = await open(driver, 100);
  assert.ok((await second.viewer.frame()).width >= 640);
  first.viewer.close();
  second.viewer.close();
  await untilOff(driver, 100);
});

test(
  'what a daemon that died left on is off before its VM runs again, and soon after the next daemon has come',
  { timeout: 120_000 },
  async (t) => {
    const driver = await withMachines(t);
    if (!driver) return;
    const { viewer } = await open(driver, 100);
    const status = await driver.inspect(ctx, { vmid: 100 });
    assert.ok(status?.pid);
    process.kill(status.pid, 'SIGKILL');
    viewer.close();
    assert.ok(await waitFor(async () => (await driver.inspect(ctx, { vmid: 100 }))?.state === 'crashed', { timeoutMs: 10_000 }));
    const settings = await readFile(join(specs[0]?.directory ?? '', 'nakhoda-100/nakhoda-100.vbox'), 'utf8');
    assert.match(settings, /<RemoteDisplay enabled="true">/u, 'VirtualBox itself would switch it on');
    await driver.start(ctx, { vmid: 100 });
    assert.deepEqual(await listeners(driver, 100), []);

    await driver.close();
    // As the settings are left by a daemon that was killed; on an address of its own choosing, so that nothing is opened to others.
    await manage('controlvm', specs[1]?.uuid ?? '', 'vrdeproperty', 'TCP/Address=127.0.0.1');
    await manage('controlvm', specs[1]?.uuid ?? '', 'vrde', 'on');
    const next = host.makeDriver();
    await untilOff(next, 101);
    await next.close();
  },
);

test('a snapshot that was taken under a viewer does not bring the server back', { timeout: 120_000 }, async (t) => {
  const driver = await withMachines(t);
  if (!driver?.snapshots) return;
  const { viewer } = await open(driver, 100);
  await driver.snapshots.take(ctx, { vmid: 100, name: 'looked', description: '', memory: true });
  await driver.snapshots.rollback(ctx, { vmid: 100, name: 'looked' });
  viewer.close();
  assert.equal((await driver.inspect(ctx, { vmid: 100 }))?.state, 'running');
  await untilOff(driver, 100);
  const after = await open(driver, 100);
  assert.ok((await after.viewer.frame()).width >= 640);
  after.viewer.close();
  await untilOff(driver, 100);
});

test('neither password nor what is typed can be read in the list of processes', { timeout: 90_000 }, async (t) => {
  const driver = await withMachines(t);
  if (!driver?.keyboard) return;
  const seen = new Set<string>();
  let isDone = false;
  const watching = waitFor(
    async () => {
      for (const { commandLine } of await processesOf(host.userHome)) seen.add(commandLine);
      return isDone;
    },
    { timeoutMs: 60_000, pollMs: 1 },
  );
  const { viewer, password } = await open(driver, 100);
  await driver.keyboard.typeText(ctx, { vmid: 100, text: 'geheim' });
  viewer.close();
  isDone = true;
  assert.ok(await watching);
  const calls = [...seen].filter((line) => line.includes('VBoxManage'));
  assert.ok(
    calls.some((line) => line.includes('@')),
    'the calls were seen',
  );
  for (const line of calls) assert.ok(!line.includes(password) && !line.includes('keyboardputscancode'), line);
});

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { DriverEvent } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { type ProcessRef, spawnDetached, terminate, waitFor } from '@nakhoda/host';

import { startDisplay } from './display.ts';
import { frontEndCommand } from './front-end.ts';
import { hardwareSupport } from './hardware.ts';
import { xvfbProgram } from './host-facts.ts';
import { readRunFile } from './run-record.ts';
import { makeRealHost } from './testing/real-host.ts';
import type { RealHost } from './testing/real-host.ts';

// VMs that somebody changes with VirtualBox's own command, behind the driver's back. Nothing boots in them.
const ctx = testContext();
const vmid = 100;
let host: RealHost;
before(async () => {
  host = await makeRealHost();
});
after(async () => {
  const left = host.runtime === null ? [] : await host.leftovers();
  await host.dispose();
  assert.deepEqual(left, []);
});

test('what VBoxManage changes behind our back is told within 1 s', { timeout: 180_000 }, async (t) => {
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return;
  }
  const driver = host.makeDriver();
  const events: DriverEvent[] = [];
  const listening = (async () => {
    for await (const event of driver.events(ctx.signal)) events.push(event);
  })();
  t.after(async () => {
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 }).catch(() => undefined);
    await driver.undefine(ctx, { vmid });
    await driver.close();
    await listening;
  });
  const spec = await machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: null });
  await driver.define(ctx, { spec });

  const delays: string[] = [];
  /** Fails unless such an event comes within 1 s of the end of what causes it. */
  const change = async (kind: DriverEvent['kind'], cause: readonly string[]): Promise<void> => {
    events.length = 0;
    await host.vboxManage(cause);
    const done = performance.now();
    const found = await waitFor(() => events.find((event) => event.vmid === vmid && event.kind === kind), { timeoutMs: 1000, pollMs: 5 });
    assert.ok(found, `no ${kind} event within 1 s of ${cause.join(' ')}`);
    delays.push(`${cause.slice(0, 3).join(' ')}: ${Math.round(performance.now() - done)} ms`);
  };

  await change('settings', ['modifyvm', spec.uuid, '--memory', '256']);
  assert.deepEqual((await driver.inspect(ctx, { vmid }))?.changedOutside, ['memory: VirtualBox has 256 MiB, Nakhoda wants 128 MiB.']);
  await change('settings', ['modifyvm', spec.uuid, '--memory', '128']);
  assert.equal((await driver.inspect(ctx, { vmid }))?.changedOutside, undefined);

  await change('snapshots', ['snapshot', spec.uuid, 'take', 'theirs']);
  assert.deepEqual(
    (await driver.snapshots?.list(ctx, { vmid }))?.map(({ name }) => name),
    ['theirs'],
  );
  await change('snapshots', ['snapshot', spec.uuid, 'delete', 'theirs']);

  await driver.start(ctx, { vmid });
  await change('state', ['controlvm', spec.uuid, 'pause']);
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'paused');
  await change('state', ['controlvm', spec.uuid, 'resume']);
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running');
  await change('snapshots', ['snapshot', spec.uuid, 'take', 'live', '--live']);
  await change('state', ['controlvm', spec.uuid, 'poweroff']);
  const off = await waitFor(async () => (await driver.inspect(ctx, { vmid }))?.state === 'stopped', { timeoutMs: 5000 });
  assert.ok(off, `the VM is ${(await driver.inspect(ctx, { vmid }))?.state}`);
  await change('snapshots', ['snapshot', spec.uuid, 'delete', 'live']);

  await change('removed', ['unregistervm', spec.uuid]);
  assert.equal(await driver.inspect(ctx, { vmid }), null);
  await change('state', ['registervm', `${spec.directory}/nakhoda-${vmid}/nakhoda-${vmid}.vbox`]);
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'stopped');
  t.diagnostic(delays.join('; '));
});

test(
  'a VM that somebody starts with VirtualBox itself is seen running, can be stopped, and its crash is one',
  { timeout: 120_000 },
  async (t) => {
    if (host.runtime === null) {
      if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
      t.skip('VirtualBox is not set up');
      return;
    }
    const driver = host.makeDriver();
    const spec = await machineSpec({
      folder: host.folder,
      vmid: 101,
      diskFormat: 'vdi',
      hardware: hardwareSupport('interpreter'),
      cdrom: null,
    });
    const displays: ProcessRef[] = [];
    t.after(async () => {
      await driver.stop(ctx, { vmid: 101, mode: 'poweroff', timeoutSeconds: 30 }).catch(() => undefined);
      await driver.undefine(ctx, { vmid: 101 });
      await driver.close();
      for (const display of displays) await terminate(display, { graceMs: 2000 });
    });
    await driver.define(ctx, { spec });
    const place = join(host.userHome, 'by-hand');
    await mkdir(place, { mode: 0o700 });
    await host.account.handOver(place);

    /** As a person would, on a display of their own. Resolves with the milliseconds until the driver told of the running VM. */
    const startByHand = async (): Promise<number> => {
      const { program, args } = frontEndCommand(spec.uuid, 'interpreter');
      const env = host.programEnvironment();
      const display = await startDisplay({
        ...{ command: (more) => host.account.command(xvfbProgram, more), handOver: (path) => host.account.handOver(path) },
        ...{ env, signal: ctx.signal, logPath: join(place, 'display.log'), authorityPath: join(place, 'authority') },
      });
      displays.push(display.process);
      const front = { env: { ...env, ...display.env, XDG_RUNTIME_DIR: place }, logPath: join(place, 'front-end.log') };
      const { pid } = await spawnDetached(await host.account.command(program, args), front);
      const log = join(spec.directory, `nakhoda-${spec.vmid}`, 'Logs', 'VBox.log');
      const running = new RegExp(`Process ID: ${pid}$[^]*state changed to 'Running'`, 'm');
      const runs = await waitFor(async () => running.test(await readFile(log, 'utf8').catch(() => '')), {
        ...{ timeoutMs: 30_000, pollMs: 5 },
      });
      assert.ok(runs, 'VirtualBox did not start the VM');
      const since = performance.now();
      const told = await waitFor(async () => (await readRunFile(spec.runtimeDirectory)) !== null, { timeoutMs: 1000, pollMs: 5 });
      assert.ok(told, 'the run was not noticed within 1 s');
      return performance.now() - since;
    };
    const state = async (): Promise<string | undefined> => (await driver.inspect(ctx, { vmid: 101 }))?.state;

    const first = await startByHand();
    assert.equal(await state(), 'running');
    assert.match((await driver.inspect(ctx, { vmid: 101 }))?.execution?.reason ?? '', /own tools/);
    await driver.start(ctx, { vmid: 101 });
    await driver.stop(ctx, { vmid: 101, mode: 'poweroff', timeoutSeconds: 30 });
    assert.equal(await state(), 'stopped');

    const second = await startByHand();
    const { pid } = (await driver.inspect(ctx, { vmid: 101 })) ?? {};
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    const crashed = await waitFor(async () => (await state()) === 'crashed', { timeoutMs: 1000, pollMs: 10 });
    assert.ok(crashed, `the VM is ${await state()}`);
    t.diagnostic(`noticed ${Math.round(first)} and ${Math.round(second)} ms after VirtualBox's log had told that it runs`);
  },
);

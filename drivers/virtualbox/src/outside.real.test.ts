import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import type { DriverEvent } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';

import { hardwareSupport } from './hardware.ts';
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import type { Driver } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import { hardwareSupport } from './hardware.ts';
import { makeRealHost, processesOf, type RealHost } from './testing/real-host.ts';

const ctx = testContext();
const vmid = 100;

/** VirtualBox's service, or the VM's own process, is killed at a share of an order's usual duration. The guest is the BIOS. */
const program = { service: '/VBoxSVC', vm: '/VirtualBoxVM' };

async function kill(host: RealHost, what: keyof typeof program): Promise<number> {
  const found = (await processesOf(host.userHome)).filter(({ commandLine }) => commandLine.includes(program[what]));
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
  return found.length;
}

const stateOf = async (driver: Driver): Promise<string> => {
  const status = await driver.inspect(ctx, { vmid });
  return `${status?.state}${status?.suspended ? ' (suspended)' : ''}${status?.reason === undefined ? '' : `: ${status.reason}`}`;
};

test(
  "VirtualBox's service, or the VM's process, is killed within an order: it ends soon, and all can be done again",
  { timeout: 240_000 },
  async (t) => {
    const host = await makeRealHost();
    t.after(() => host.dispose());
    if (host.runtime === null) {
      if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
      t.skip('VirtualBox is not set up');
      return;
    }
    const driver = host.makeDriver({ callTimeoutMs: 12_000 });
    const spec = await machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: null });
    const { snapshots, suspend } = driver;
    assert.ok(snapshots && suspend);
    const stop = (): Promise<void> => driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
    const start = (): Promise<void> => driver.start(ctx, { vmid });
    const names = async (): Promise<string[]> => (await snapshots.list(ctx, { vmid })).map(({ name }) => name);
    const take = (name: string): Promise<void> => snapshots.take(ctx, { vmid, name, description: '', memory: true });
    await driver.define(ctx, { spec });
    await start();
    await take('base');

    const orders = {
      take: { runs: true, order: () => take('next'), afterMs: 80 },
      suspend: { runs: true, order: () => suspend.suspend(ctx, { vmid }), afterMs: 300 },
      stop: { runs: true, order: stop, afterMs: 300 },
      start: { runs: false, order: start, afterMs: 500 },
    };
    for (const [what, name] of [
      ['service', 'take'],
      ['vm', 'take'],
      ['service', 'suspend'],
      ['service', 'stop'],
      ['service', 'start'],
    ] as const) {
      const { runs, order, afterMs } = orders[name];
      if ((await stateOf(driver)).includes('suspended')) await suspend.discard(ctx, { vmid });
      await (runs ? start() : stop());
      const given = order().then(
        () => null,
        (error: unknown) => toNakhodaError(error),
      );
      await delay(afterMs);
      assert.ok((await kill(host, what)) > 0, `${name}: there was no ${what} to be killed`);
      const since = performance.now();
      const error = await given;
      const tookMs = performance.now() - since;
      const told = error ? `${error.code}: ${error.message}` : 'done';
      const outcome = `${name}, ${what} killed: ${told}, ${await stateOf(driver)}, after ${Math.round(tookMs)} ms`;
      t.diagnostic(outcome);
      assert.ok(tookMs < 20_000, outcome);
      assert.ok(error === null || (error.hint !== '' && error.code !== 'internal'), outcome);
      assert.match(await stateOf(driver), /^(running|paused|stopped|crashed: )/u, outcome);
      assert.deepEqual(await names(), name === 'take' && error === null ? ['base', 'next'] : ['base'], outcome);
      if (name === 'take' && error === null) await snapshots.delete(ctx, { vmid, name: 'next' });
      await stop();
      assert.match(await stateOf(driver), /^stopped/u, outcome);
    }

    // A service of its own reads what the others have left.
    await kill(host, 'service');
    const isGone = async (): Promise<boolean> =>
      !(await processesOf(host.userHome)).some(({ commandLine }) => commandLine.includes(program.service));
    assert.ok(await waitFor(isGone, { timeoutMs: 5_000, pollMs: 50 }));
    await snapshots.rollback(ctx, { vmid, name: 'base' });
    assert.equal(await stateOf(driver), 'running');
    await stop();
    await snapshots.delete(ctx, { vmid, name: 'base' });
    await driver.undefine(ctx, { vmid });
    await driver.close();
    assert.deepEqual(await host.leftovers(), []);
  },
);

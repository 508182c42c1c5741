import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import type { Driver } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { toNakhodaError } from '@nakhoda/schema';

import { makeRealQemu, type RealQemu } from './testing/real-qemu.ts';
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

/** Shares of an order's usual duration after which QEMU is killed. */
const shares = [0.1, 0.3, 0.5, 0.7, 0.9];

/**
 * Gives the order once in peace, then once for each share, and kills every QEMU of the VM meanwhile with SIGKILL.
 * @param check looks what there is after each kill, and brings the VM back to where the order begins
 */
async function killWithin({
  qemu,
  vmid,
  order,
  check,
}: {
  qemu: RealQemu;
  vmid: number;
  order: () => Promise<void>;
  check: (code: string | null) => Promise<void>;
}): Promise<void> {
  const since = performance.now();
  await order();
  const usual = performance.now() - since;
  await check(null);
  let hits = 0;
  for (const share of shares) {
    const given = order().then(
      () => null,
      (error: unknown) => toNakhodaError(error).code,
    );
    await delay(usual * share);
    for (const pid of await qemu.pids(vmid)) process.kill(pid, 'SIGKILL');
    const code = await given;
    if (code !== null) hits += 1;
    await check(code);
  }
  assert.ok(hits > 0, 'no kill came in time');
}

async function started(driver: Driver, vmid: number): Promise<void> {
  await driver.start(ctx, { vmid });
  assert.equal(await stateOf(driver, vmid), 'running');
}

/** What a killed QEMU leaves: told as crashed, or as stopped with the reason where the driver was starting it. */
async function cleared(driver: Driver, vmid: number): Promise<void> {
  assert.match(await stateOf(driver, vmid), /^(crashed: .*(killed|ended)|stopped|running)/u);
  await powerOff(driver, vmid);
}

test(
  'QEMU is killed within a snapshot with memory: it is whole, or there is none, and every other keeps its content',
  { timeout: 120_000 },
  async () => {
    await using qemu = await makeRealQemu();
    const { driver, spec, vmid } = await keptRunning(qemu, 'base');
    await killWithin({
      qemu,
      vmid,
      order: () => take(driver, vmid, 'next', true),
      check: async (code) => {
        await cleared(driver, vmid);
        const present = await names(driver, vmid);
        assert.deepEqual(present, code === null ? ['base', 'next'] : ['base'], String(code));
        assert.ok(code === null || ['snapshot.failed', 'vm.wrong-state', 'snapshot.needs-running'].includes(code), String(code));
        assert.equal(await scribbled(spec), 'a');
        for (const name of present.toReversed()) {
          await facet(driver).rollback(ctx, { vmid, name });
          assert.equal(await stateOf(driver, vmid), 'running');
        }
        if (code === null) await facet(driver).delete(ctx, { vmid, name: 'next' });
        assert.equal((await images(spec)).length, 5, 'two disks, their overlays, and one memory');
      },
    });
    await remove(qemu, driver, vmid);
  },
);

test(
  'QEMU is killed within a rollback of memory: the disks are the former ones or the snapshot’s, and it can be done again',
  { timeout: 120_000 },
  async () => {
    await using qemu = await makeRealQemu();
    const { driver, spec, vmid } = await keptRunning(qemu, 'base');
    await powerOff(driver, vmid);
    await scribble(spec, 'b');
    await started(driver, vmid);
    await killWithin({
      qemu,
      vmid,
      order: () => facet(driver).rollback(ctx, { vmid, name: 'base' }),
      check: async (code) => {
        assert.ok(code === null || code === 'snapshot.failed', String(code));
        await cleared(driver, vmid);
        assert.match(await scribbled(spec), code === null ? /^a$/u : /^[ab]$/u);
        await facet(driver).rollback(ctx, { vmid, name: 'base' });
        assert.equal(await stateOf(driver, vmid), 'running');
        await powerOff(driver, vmid);
        assert.equal(await scribbled(spec), 'a');
        await scribble(spec, 'b');
        await started(driver, vmid);
      },
    });
    await remove(qemu, driver, vmid);
  },
);

test('QEMU is killed while it is suspended, or started: memory on disk is whole or there is none', { timeout: 120_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await started(driver, vmid);
  const suspended = async (): Promise<boolean> => (await driver.inspect(ctx, { vmid }))?.suspended ?? false;
  await killWithin({
    qemu,
    vmid,
    order: () => driver.suspend?.suspend(ctx, { vmid }) ?? assert.fail(),
    check: async (code) => {
      assert.equal(await suspended(), code === null, `${code}: ${await stateOf(driver, vmid)}`);
      if (code !== null) await cleared(driver, vmid);
      await started(driver, vmid);
      assert.equal(await suspended(), false);
    },
  });
  await powerOff(driver, vmid);
  await killWithin({
    qemu,
    vmid,
    order: () => driver.start(ctx, { vmid }),
    check: async (code) => {
      assert.ok(code === null || code === 'vm.start-failed', String(code));
      await cleared(driver, vmid);
    },
  });
  await started(driver, vmid);
  await remove(qemu, driver, vmid);
});

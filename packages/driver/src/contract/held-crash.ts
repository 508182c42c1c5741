import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { waitFor } from '@nakhoda/host';

import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';

/** A running guest whose kernel panics: a crashed VM with its reason, which can be kept for a look. Leaves it running. */
export async function heldCrash(t: TestContext, bench: Bench): Promise<void> {
  const { ctx, vmid, driver } = bench;
  const { crashes, reset } = driver;
  const { panicGuest } = bench.harness;
  const { call, event, exec, boot } = bench.limits;
  if (!crashes) return;
  assert.ok(panicGuest && reset, 'the harness cannot make a guest panic, or the driver cannot reset it');

  await bench.promise(t, 'a guest that runs, and a VM that is stopped, are not kept as crashed ones', call, async () => {
    await rejectsWith('vm.wrong-state', crashes.hold(ctx, { vmid }), 'hold');
    await bench.expectState('running', 'after the refusal');
  });

  await bench.promise(t, 'a guest whose kernel panics is crashed with the reason, and its process stays', exec * 2, async () => {
    await panicGuest(bench.driver, vmid);
    const crashed = await waitFor(async () => (await bench.status()).state === 'crashed', { timeoutMs: exec * 1000, pollMs: 50 });
    const { reason, standing } = await bench.expectState('crashed', `${exec} s after the panic`);
    assert.ok(crashed && reason && standing, JSON.stringify({ reason, standing }));
  });

  await bench.promise(t, 'it can be kept as a paused one, also by the next daemon, and starts anew with a reset', boot + call, async () => {
    const { reason } = await bench.status();
    for (let time = 0; time < 2; time += 1) await crashes.hold(ctx, { vmid });
    const held = await bench.expectState('paused', 'when it is kept');
    assert.ok(held.reason?.includes(reason ?? '-'), `the reason is now: ${held.reason}`);
    assert.equal(held.standing, undefined);
    if (driver.screen) assert.ok((await driver.screen.screenshot(ctx, { vmid })).length > 0, 'no picture of it');
    await bench.driver.close();
    bench.driver = await bench.harness.makeDriver();
    const kept = await waitFor(async () => (await bench.status()).state === 'paused', { timeoutMs: event * 5000, pollMs: 20 });
    assert.ok(kept, `for a fresh driver it is ${(await bench.status()).state}`);
    await bench.driver.reset?.(ctx, { vmid });
    assert.equal((await bench.expectState('running', 'after a reset')).reason, undefined);
  });
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { waitFor } from '@nakhoda/host';

import type { Bench } from './bench.ts';
import { EventLog } from './event-log.ts';
import { heldCrash } from './held-crash.ts';
import { disksOnly, withMemory } from './live-snapshots.ts';
import { SerialLog } from './serial-log.ts';

/** The second boot proves the disks; then the machine's process is killed behind the driver's back. Leaves it stopped. */
export async function crashes(t: TestContext, bench: Bench): Promise<void> {
  const { ctx, vmid } = bench;
  const { boot, call, event, exec, snapshot } = bench.limits;
  const degrees = bench.driver.capabilities().snapshots;

  if (degrees?.live && bench.driver.guest) {
    await bench.promise(t, 'a rolled back VM boots from the disk as it was', boot + snapshot + exec * 3, async () => {
      await bench.stopped();
      await bench.snapshots.rollback(ctx, { vmid, name: disksOnly });
      await bench.running();
      assert.equal(await bench.output(['cat', '/data/generation']), '1');
    });
  }

  await bench.promise(t, 'a killed process is crashed with the reason within 1 s, with an event', boot + call, async () => {
    await bench.running();
    const log = new EventLog(bench.driver);
    const console = bench.driver.serial ? await SerialLog.open(bench.driver, ctx, vmid) : null;
    const mark = log.mark();
    await bench.harness.killMachine(vmid);
    const crashed = await waitFor(async () => (await bench.status()).state === 'crashed', { timeoutMs: event * 1000, pollMs: 20 });
    const status = await bench.expectState('crashed', `${event} s after the kill`);
    assert.ok(crashed && status.reason, 'no reason');
    assert.equal(status.pid, undefined, 'a crashed VM has no process');
    await log.waitForState(vmid, mark, event, 'the kill');
    await console?.waitForClose(event);
    await log.stop(event);
  });

  await bench.promise(t, 'poweroff acknowledges a crash: the VM is stopped', call, async () => {
    await bench.powerOff();
    await bench.expectState('stopped', 'after poweroff');
    await bench.powerOff();
    await bench.expectState('stopped', 'after the second poweroff');
  });

  await bench.promise(t, 'a VM killed while no driver watched is crashed, too, and starts again', call * 3, async () => {
    await bench.driver.start(ctx, { vmid });
    await bench.driver.close();
    await bench.harness.killMachine(vmid);
    bench.driver = await bench.harness.makeDriver();
    // A killed process needs a moment to be gone.
    await waitFor(async () => (await bench.status()).state === 'crashed', { timeoutMs: event * 1000, pollMs: 20 });
    const { reason } = await bench.expectState('crashed', 'for a fresh driver');
    assert.ok(reason, 'no reason');
    await bench.driver.start(ctx, { vmid });
    assert.equal((await bench.expectState('running', 'after start')).reason, undefined, 'the reason of the crash outlived it');
  });

  await bench.promise(t, 'poweroff of a running VM stops it at once, with an event', call * 2, async () => {
    if ((await bench.status()).state !== 'running') await bench.driver.start(ctx, { vmid });
    const log = new EventLog(bench.driver);
    const mark = log.mark();
    await bench.powerOff();
    await log.waitForState(vmid, mark, event, 'poweroff');
    await bench.expectState('stopped', 'after poweroff');
    await log.stop(event);
  });

  if (!degrees?.memory || !bench.driver.guest) return;
  await bench.promise(t, 'rollback with memory brings a stopped VM back to life', snapshot * 2 + boot + exec * 2, async () => {
    await bench.stopped();
    await bench.snapshots.rollback(ctx, { vmid, name: withMemory });
    await bench.expectState('running', 'after rollback');
    await bench.running();
    assert.equal(await bench.output(['cat', '/run/memory']), 'before');
  });
  await heldCrash(t, bench);
  await bench.promise(t, 'and leaves it stopped', call, () => bench.powerOff());
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { Bench } from './bench.ts';
import { EventLog } from './event-log.ts';
import { SerialLog } from './serial-log.ts';

/** Guests outlive the daemon. Leaves the machine running, on a fresh instance of the driver. */
export async function reattachment(t: TestContext, bench: Bench): Promise<void> {
  const { ctx, vmid } = bench;
  const { boot, call, event, exec } = bench.limits;

  await bench.promise(t, 'close ends the event iterations, twice is once, and the VM goes on running', boot + call, async () => {
    await bench.running();
    const before = await bench.status();
    const snapshots = await bench.driver.snapshots?.list(ctx, { vmid });
    const log = new EventLog(bench.driver);
    await bench.driver.close();
    await bench.driver.close();
    await log.stop(event);

    bench.driver = await bench.harness.makeDriver();
    assert.deepEqual(await bench.status(), before, 'a fresh driver sees another VM');
    assert.deepEqual(await bench.driver.list(ctx), [before]);
    assert.deepEqual(await bench.driver.snapshots?.list(ctx, { vmid }), snapshots);
  });

  await bench.promise(t, 'a fresh driver reaches the guest: serial port, commands, definition', boot + exec * 2, async () => {
    await bench.driver.define(ctx, { spec: bench.spec });
    if (bench.driver.serial) {
      const log = await SerialLog.open(bench.driver, ctx, vmid);
      await log.typeUntil("echo seven''-eight", 'seven-eight', exec);
      log.session.close();
    }
    if (!bench.driver.guest) return;
    await bench.running();
    assert.equal(await bench.output(['echo', 'still here']), 'still here');
  });
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { Bench } from './bench.ts';
import { openViewer } from './display.ts';
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
    // As a daemon that is killed leaves it: a screen that somebody still looks at.
    const viewer = bench.driver.vnc ? await openViewer(bench) : null;
    await bench.driver.close();
    await bench.driver.close();
    await log.stop(event);
    viewer?.close();

    bench.driver = await bench.harness.makeDriver();
    assert.deepEqual(await bench.status(), before, 'a fresh driver sees another VM');
    assert.deepEqual(await bench.driver.list(ctx), [before]);
    assert.deepEqual(await bench.driver.snapshots?.list(ctx, { vmid }), snapshots);
  });

  await bench.promise(
    t,
    'a fresh driver reaches the guest: serial port, screen, commands, definition',
    boot + call + exec * 2,
    async () => {
      await bench.driver.define(ctx, { spec: bench.spec });
      if (bench.driver.serial) {
        const log = await SerialLog.open(bench.driver, ctx, vmid);
        await log.typeUntil("echo seven''-eight", 'seven-eight', exec);
        log.session.close();
      }
      if (bench.driver.vnc) {
        const viewer = await openViewer(bench);
        assert.ok((await viewer.frame()).width > 0);
        viewer.close();
      }
      if (!bench.driver.guest) return;
      await bench.running();
      assert.equal(await bench.output(['echo', 'still here']), 'still here');
    },
  );
}

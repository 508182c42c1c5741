import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { processRef, waitFor } from '@nakhoda/host';

import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { EventLog } from './event-log.ts';
import { SerialLog } from './serial-log.ts';
import { testContext } from './test-context.ts';

/** The graceful way to stop, and a guest that does not want to. Leaves the machine stopped. */
export async function shutdown(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call, event, exec, shutdown } = bench.limits;

  if (driver.guest) {
    await bench.promise(
      t,
      'a guest that ignores the power button: vm.shutdown-timeout, and it goes on running',
      boot + exec * 4,
      async () => {
        await bench.running();
        await bench.run(['touch', '/data/ignore-acpi']);
        const since = performance.now();
        await rejectsWith('vm.shutdown-timeout', driver.stop(ctx, { vmid, mode: 'shutdown', timeoutSeconds: 3 }), 'shutdown');
        const seconds = (performance.now() - since) / 1000;
        assert.ok(seconds >= 3 && seconds < 3 + exec, `the time limit of 3 s took ${seconds} s`);
        await bench.expectState('running', 'after the time limit');
        assert.equal(await bench.output(['echo', 'still here']), 'still here');
      },
    );

    await bench.promise(t, 'a guest that ignores the power button goes down when its agent is asked', boot + shutdown, async () => {
      await bench.running();
      await bench.run(['touch', '/data/ignore-acpi']);
      await bench.guest.requestShutdown(ctx, { vmid });
      const isStopped = async (): Promise<boolean> => (await bench.status()).state === 'stopped';
      assert.ok(await waitFor(isStopped, { timeoutMs: shutdown * 1000 }), 'it did not stop');
    });

    await bench.promise(t, 'an abort ends the wait for the guest, and the VM goes on running', boot + exec * 3, async () => {
      await bench.running();
      const cancellable = testContext();
      const stopping = driver.stop(cancellable, { vmid, mode: 'shutdown', timeoutSeconds: 600 });
      const outcome = stopping.then(
        () => 'stopped',
        () => 'rejected',
      );
      // Whatever state the driver tells while it waits, it has begun once it answers this.
      await bench.status();
      cancellable.abort();
      assert.equal(await outcome, 'rejected');
      await waitFor(async () => (await bench.status()).state === 'running', { timeoutMs: event * 1000 });
      await bench.expectState('running', 'after the abort');
      await bench.run(['rm', '/data/ignore-acpi']);
    });
  }

  await bench.promise(t, 'shutdown stops the guest cleanly, with an event and the end of its serial port', boot + shutdown, async () => {
    await bench.running();
    const { pid } = await bench.status();
    const log = new EventLog(driver);
    const console = driver.serial ? await SerialLog.open(driver, ctx, vmid) : null;
    const mark = log.mark();
    await driver.stop(ctx, { vmid, mode: 'shutdown', timeoutSeconds: shutdown });
    await log.waitForState(vmid, mark, event, 'shutdown');
    const status = await bench.expectState('stopped', 'after shutdown');
    assert.equal(status.pid, undefined, 'a stopped VM has no process');
    if (pid !== undefined) assert.equal(processRef(pid), null, `process ${pid} is still there`);
    await console?.waitForClose(event);
    await log.stop(event);
  });

  await bench.promise(t, 'stopping what is stopped succeeds, in both ways', call * 2, async () => {
    await bench.stopped();
    for (const mode of ['shutdown', 'poweroff', 'shutdown', 'poweroff'] as const) {
      await driver.stop(ctx, { vmid, mode, timeoutSeconds: 1 });
    }
    await bench.expectState('stopped', 'after the stops');
  });
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { EventLog } from './event-log.ts';

/** Pause, reset and suspend of the running machine. Leaves it running, with the guest booted. */
export async function power(t: TestContext, bench: Bench): Promise<void> {
  await pauses(t, bench);
  await resets(t, bench);
  await suspends(t, bench);
}

async function pauses(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call, event } = bench.limits;
  const { pause } = driver;
  if (!pause || !driver.guest) return;

  await bench.promise(
    t,
    'a paused VM stands still, with its process, memory and an event; resumed it goes on',
    boot + call * 3,
    async () => {
      await bench.running();
      await bench.shell('echo kept > /run/paused');
      const log = new EventLog(driver);
      const before = await bench.status();
      const mark = log.mark();
      await pause.pause(ctx, { vmid });
      await log.waitForState(vmid, mark, event, 'pause');
      const paused = await bench.expectState('paused', 'after pause');
      assert.equal(paused.pid, before.pid, 'another process');
      await pause.pause(ctx, { vmid });
      await bench.expectState('paused', 'after the second pause');
      assert.equal(await bench.guest.ready(ctx, { vmid, timeoutSeconds: 2 }), null, 'a paused guest answers');

      const later = log.mark();
      await pause.resume(ctx, { vmid });
      await log.waitForState(vmid, later, event, 'resume');
      await bench.expectState('running', 'after resume');
      await pause.resume(ctx, { vmid });
      await bench.expectState('running', 'after the second resume');
      await bench.running();
      assert.equal(await bench.output(['cat', '/run/paused']), 'kept');
      await log.stop(event);
    },
  );
}

async function resets(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call, exec } = bench.limits;
  const { reset } = driver;
  if (!reset || !driver.guest) return;

  await bench.promise(
    t,
    'a reset starts the guest anew in the same process, with its disk and without its memory',
    boot * 2 + call,
    async () => {
      await bench.running();
      const { pid } = await bench.status();
      const bootId = await bench.output(['cat', '/proc/sys/kernel/random/boot_id']);
      await bench.shell('echo kept > /data/reset; sync');
      await reset(ctx, { vmid });
      assert.equal((await bench.expectState('running', 'after reset')).pid, pid, 'another process');
      await bench.running();
      assert.notEqual(await bench.output(['cat', '/proc/sys/kernel/random/boot_id']), bootId, 'the guest has not booted');
      assert.equal(await bench.output(['cat', '/data/reset']), 'kept');
      await bench.run(['rm', '/data/reset'], { timeoutSeconds: exec });
    },
  );
}

async function suspends(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call, exec, snapshot } = bench.limits;
  const { suspend } = driver;
  if (!suspend || !driver.guest) return;

  await bench.promise(t, 'a suspended VM is stopped, and its start goes on from its memory', boot + snapshot * 2 + call * 2, async () => {
    await bench.running();
    await bench.shell('echo remembered > /run/memory-on-disk');
    await suspend.suspend(ctx, { vmid });
    const status = await bench.expectState('stopped', 'after suspend');
    assert.equal(status.suspended, true);
    assert.equal(status.pid, undefined, 'a suspended VM has no process');
    await suspend.suspend(ctx, { vmid });
    const other = { ...bench.spec, memoryMiB: bench.spec.memoryMiB + 16 };
    await rejectsWith('vm.wrong-state', driver.define(ctx, { spec: other }), 'define with other memory');
    await driver.start(ctx, { vmid });
    assert.notEqual((await bench.expectState('running', 'after start')).suspended, true);
    await bench.running();
    assert.equal(await bench.output(['cat', '/run/memory-on-disk']), 'remembered');
  });

  await bench.promise(t, 'a suspended VM whose memory was thrown away boots', boot * 2 + snapshot + call * 2 + exec, async () => {
    await suspend.suspend(ctx, { vmid });
    await suspend.discard(ctx, { vmid });
    assert.notEqual((await bench.expectState('stopped', 'after discard')).suspended, true);
    await suspend.discard(ctx, { vmid });
    await bench.running();
    const { exitCode } = await bench.run(['cat', '/run/memory-on-disk']);
    assert.notEqual(exitCode, 0, 'the memory is still there');
  });
}

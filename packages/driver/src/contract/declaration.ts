import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { Bench } from './bench.ts';
import { rejectsWith } from './assertions.ts';

/** A vmid that no harness gives out. */
const unknown = { vmid: 999_999_001 };

/** Probe, capabilities and facets, and what is answered about a VM that does not exist. */
export async function declaration(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx } = bench;
  const { call } = bench.limits;

  await bench.promise(t, 'probe says that it is usable, with version, execution and the reason for it', call, async () => {
    const probe = await driver.probe(ctx);
    assert.equal(probe.usable, true);
    assert.ok(probe.version, 'no version');
    assert.ok(probe.execution, 'no execution');
    assert.notEqual(probe.execution.reason.trim(), '', 'the execution has no reason');
    assert.deepEqual(await driver.probe(ctx), probe, 'a second probe answers otherwise');
  });

  await bench.promise(t, 'a facet is there exactly when the capabilities declare it', call, async () => {
    const capabilities = driver.capabilities();
    assert.equal(driver.snapshots !== undefined, capabilities.snapshots !== null, 'snapshots');
    assert.equal(driver.clone !== undefined, capabilities.clones, 'clone');
    assert.equal(driver.pause !== undefined, capabilities.pause, 'pause');
    assert.equal(driver.reset !== undefined, capabilities.reset, 'reset');
    assert.equal(driver.suspend !== undefined, capabilities.suspend, 'suspend');
    assert.equal(driver.crashes !== undefined, capabilities.crashPause.allowed, 'crashes');
    assert.ok(capabilities.crashPause.allowed || capabilities.crashPause.reason, 'crashes have no reason');
    assert.equal(driver.hotplug !== undefined, capabilities.hotplug.length > 0, 'hotplug');
    assert.equal(driver.serial !== undefined, capabilities.serial, 'serial');
    assert.equal(driver.guest !== undefined, capabilities.guest !== null, 'guest');
    for (const [facet, verdict] of [
      [driver.vnc, capabilities.display.vnc],
      [driver.screen, capabilities.display.screenshot],
      [driver.keyboard, capabilities.display.keyboard],
    ] as const) {
      assert.equal(facet !== undefined, verdict.allowed, JSON.stringify(capabilities.display));
      assert.ok(verdict.allowed || verdict.reason, 'what is absent has no reason');
    }
    assert.ok(capabilities.maxCores >= 1, 'maxCores');
    assert.ok(capabilities.minMemoryMiB <= capabilities.maxMemoryMiB, 'memory limits');
    assert.ok(capabilities.nicBackends.length > 0, 'no NIC backend');
  });

  await bench.promise(t, 'an unknown VM: inspect is null, undefine succeeds, all else is vm.not-found', call, async () => {
    assert.equal(await driver.inspect(ctx, unknown), null);
    await driver.undefine(ctx, unknown);
    await driver.undefine(ctx, unknown);
    await rejectsWith('vm.not-found', driver.start(ctx, unknown), 'start');
    await rejectsWith('vm.not-found', driver.stop(ctx, { ...unknown, mode: 'poweroff', timeoutSeconds: 1 }), 'stop');
    await rejectsWith('vm.not-found', driver.stop(ctx, { ...unknown, mode: 'shutdown', timeoutSeconds: 1 }), 'shutdown');
    if (driver.pause) {
      await rejectsWith('vm.not-found', driver.pause.pause(ctx, unknown), 'pause');
      await rejectsWith('vm.not-found', driver.pause.resume(ctx, unknown), 'resume');
    }
    if (driver.reset) await rejectsWith('vm.not-found', driver.reset(ctx, unknown), 'reset');
    if (driver.suspend) {
      await rejectsWith('vm.not-found', driver.suspend.suspend(ctx, unknown), 'suspend');
      await rejectsWith('vm.not-found', driver.suspend.discard(ctx, unknown), 'discard');
    }
    if (driver.serial) await rejectsWith('vm.not-found', driver.serial.open(ctx, unknown), 'serial.open');
    if (driver.guest) {
      const exec = driver.guest.exec(ctx, { ...unknown, argv: ['true'], timeoutSeconds: 1, onStdout: () => {}, onStderr: () => {} });
      await rejectsWith('vm.not-found', exec, 'guest.exec');
    }
    if (driver.vnc) await rejectsWith('vm.not-found', driver.vnc.open(ctx, unknown), 'vnc.open');
    if (driver.screen) await rejectsWith('vm.not-found', driver.screen.screenshot(ctx, unknown), 'screenshot');
    if (driver.keyboard) {
      await rejectsWith('vm.not-found', driver.keyboard.sendKeys(ctx, { ...unknown, keys: ['a'] }), 'sendKeys');
      await rejectsWith('vm.not-found', driver.keyboard.typeText(ctx, { ...unknown, text: 'a' }), 'typeText');
    }
    if (driver.snapshots) {
      await rejectsWith('vm.not-found', driver.snapshots.list(ctx, unknown), 'snapshots.list');
      const take = driver.snapshots.take(ctx, { ...unknown, name: 'one', description: '', memory: false });
      await rejectsWith('vm.not-found', take, 'snapshots.take');
    }
  });
}

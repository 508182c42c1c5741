import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { Bench } from './bench.ts';
import { SerialLog } from './serial-log.ts';

/** The first serial port of the running machine, where the tiny guest has a shell with the prompt `tiny# `. */
export async function serial(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  if (!driver.serial) return;
  const { boot, exec } = bench.limits;

  await bench.promise(t, 'what the guest printed before is in the backlog, at most 64 KiB', boot, async () => {
    await bench.running();
    const log = await SerialLog.open(driver, ctx, vmid);
    await log.waitForText('nakhoda-guest ready', boot, { backlog: true });
    log.session.close();
    const later = await SerialLog.open(driver, ctx, vmid);
    assert.match(later.backlog, /nakhoda-guest ready/u);
    assert.ok(later.backlog.length <= 64 * 1024);
    later.session.close();
  });

  await bench.promise(t, 'two sessions at once both see the answer to what one of them types', boot + exec, async () => {
    const first = await SerialLog.open(driver, ctx, vmid);
    const second = await SerialLog.open(driver, ctx, vmid);
    // The quotes tell the answer from the echo of what was typed.
    first.type("echo one''-two");
    await first.waitForText('one-two', exec);
    await second.waitForText('one-two', exec);
    second.type("echo three''-four");
    await first.waitForText('three-four', exec);

    first.session.close();
    await first.waitForClose(exec);
    assert.equal(second.closes, 0, 'closing one session closed the other');
    second.type("echo five''-six");
    await second.waitForText('five-six', exec);
    await second.waitForText('tiny# ', exec);
    assert.doesNotMatch(first.text, /five-six/u, 'a closed session still gets output');
    first.session.close();
    second.session.close();
    await second.waitForClose(exec);
    assert.equal(first.closes, 1, 'closing twice called onClose twice');
  });
}

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { Bench } from './bench.ts';
import { clones } from './clones.ts';
import { crashes } from './crashes.ts';
import { declaration } from './declaration.ts';
import { definition } from './definition.ts';
import { display, displayOfStopped } from './display.ts';
import { guestCommands } from './guest-commands.ts';
import { guestFacts } from './guest-facts.ts';
import { guestFiles } from './guest-files.ts';
import type { ContractHarness, DriverContractOptions } from './harness.ts';
import { hotplug } from './hotplug.ts';
import { liveSnapshots } from './live-snapshots.ts';
import { power } from './power.ts';
import { reattachment } from './reattachment.ts';
import { removal } from './removal.ts';
import { running } from './running.ts';
import { serial } from './serial.ts';
import { shutdown } from './shutdown.ts';
import { stoppedSnapshots } from './stopped-snapshots.ts';
import { testContext } from './test-context.ts';

/** In this order, so that the guest boots three times in all: to serve every chapter up to the shutdown, for the rest of that, and for the proof of the disks. Two clones of it boot once each. */
const chapters = [
  ['what the driver declares', declaration],
  ['define', definition],
  ['start', running],
  ['serial port', serial],
  ['commands in the guest', guestCommands],
  ['files in the guest', guestFiles],
  ['facts and orders of the guest', guestFacts],
  ['pause, reset, suspend', power],
  ['screen and keyboard', display],
  ['changes of a running VM', hotplug],
  ['snapshots of a running VM', liveSnapshots],
  ['clones', clones],
  ['restart of the daemon', reattachment],
  ['shutdown', shutdown],
  ['screen and keyboard of a stopped VM', displayOfStopped],
  ['snapshots of a stopped VM', stoppedSnapshots],
  ['crashes', crashes],
  ['undefine', removal],
] as const;

/** True when `NAKHODA_REQUIRED` (hypervisors, separated by commas) names this one: then a skip is a failure. */
export function isRequired(name: string): boolean {
  return (process.env['NAKHODA_REQUIRED'] ?? '').split(',').includes(name);
}

/**
 * Registers the suite that every driver passes; its titles are the contract's text. It works on one machine,
 * from its definition to its removal, and fails when anything of it is left at the end.
 */
export function driverContract(options: DriverContractOptions): void {
  const { variant, leftOut = [] } = options;
  const unknown = leftOut.filter((title) => !chapters.some(([known]) => known === title));
  if (unknown.length > 0) throw new RangeError(`The suite has no chapter ${unknown.join(', ')}.`);
  void test(`driver contract: ${options.name}${variant === undefined ? '' : `, ${variant}`}`, async (t) => {
    await using cleanup = new AsyncDisposableStack();
    const harness = await options.makeHarness();
    cleanup.defer(() => harness.dispose());
    const driver = await harness.makeDriver();
    assert.equal(driver.id, options.name);

    const probe = await driver.probe(testContext());
    if (!probe.usable) {
      await driver.close();
      const reason = `${options.name} is unusable here: ${probe.reasons.join(' ')} ${probe.remedy ?? ''}`;
      if (options.required) assert.fail(reason);
      t.skip(reason);
      return;
    }

    const bench = new Bench(harness, driver, await harness.spec());
    for (const [title, chapter] of chapters.filter(([one]) => !leftOut.includes(one))) await t.test(title, (t) => chapter(t, bench));
    await nothingIsLeft(t, bench, harness);
  });
}

/** Removes what a failed chapter left, then looks at what stays all the same. */
async function nothingIsLeft(t: TestContext, bench: Bench, harness: ContractHarness): Promise<void> {
  const { ctx } = bench;
  await bench.promise(t, 'whatever happened before, every VM can be removed', bench.limits.call * 4, async () => {
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => bench.driver.close());
    for (const { vmid } of await bench.driver.list(ctx)) {
      await bench.driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: bench.limits.call });
      await bench.driver.undefine(ctx, { vmid });
    }
  });
  await t.test('nothing is left on the host', async () => {
    assert.deepEqual(await harness.leftovers(), []);
  });
}

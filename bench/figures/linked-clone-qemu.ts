// Run by `npm run bench`, or alone: `node bench/figures/linked-clone-qemu.ts`. Needs the real QEMU and the tiny guest.
import assert from 'node:assert/strict';

import { testContext } from '@nakhoda/driver/contract';

import { busyGuest } from '../../drivers/qemu/src/testing/busy-guest.ts';
import { cloneSpec } from '../../drivers/qemu/src/testing/clone-bench.ts';
import { makeRealQemu } from '../../drivers/qemu/src/testing/real-qemu.ts';
import { type FigureRow, median, timed } from '../figure.ts';

const rounds = 9;
/** Of random data on the source's disk, so that a full clone has something to copy. */
const heldMiB = 40;

/**
 * How long it takes from the order for a linked clone until its processors run: the driver's calls `clone`, `define` and
 * `start`, of a snapshot of a VM that runs meanwhile; without the daemon around them. A full clone of the same snapshot,
 * in the same run, is what it is compared with.
 */
export async function linkedCloneQemu(): Promise<FigureRow[]> {
  const ctx = testContext();
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const source = await qemu.spec();
  const { vmid } = source;
  await driver.define(ctx, { spec: source });
  await driver.start(ctx, { vmid });
  const guest = await busyGuest(driver, ctx, vmid);
  await guest.shell(`dd if=/dev/urandom of=/data/held bs=1M count=${heldMiB} 2>/dev/null; sync`);
  await driver.snapshots?.take(ctx, { vmid, name: 'point', description: '', memory: false });

  const make = async (linked: boolean): Promise<{ clone: number; define: number; start: number }> => {
    const spec = await cloneSpec(qemu, source);
    assert.ok(driver.clone);
    const order = driver.clone(ctx, { source: vmid, snapshot: 'point', linked, spec });
    const taken = {
      clone: await timed(() => order),
      define: await timed(() => driver.define(ctx, { spec })),
      start: await timed(() => driver.start(ctx, { vmid: spec.vmid })),
    };
    await driver.stop(ctx, { vmid: spec.vmid, mode: 'poweroff', timeoutSeconds: 10 });
    await driver.undefine(ctx, { vmid: spec.vmid });
    return taken;
  };
  type Taken = Awaited<ReturnType<typeof make>>;
  const linked: Taken[] = [];
  const full: Taken[] = [];
  for (let round = 0; round < rounds; round += 1) {
    linked.push(await make(true));
    full.push(await make(false));
  }
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await driver.undefine(ctx, { vmid });
  await driver.close();

  const whole = ({ clone, define, start }: Taken): number => clone + define + start;
  const ours = median(linked.map(whole));
  const copied = median(full.map(whole));
  return [
    {
      name: 'QEMU: linked clone, from the order until it runs',
      value: ours,
      unit: 'ms',
      against: `full clone of ${heldMiB} MiB: ${copied.toFixed(0)} ms`,
      ratio: ours / copied,
      limit: { of: 'value', atMost: 1_500 },
      note: `calls of the driver, of a snapshot of a running VM with one disk; median of ${rounds}, the longest ${Math.max(...linked.map(whole)).toFixed(0)} ms`,
    },
    { name: 'of that: the images and the record', value: median(linked.map(({ clone, define }) => clone + define)), unit: 'ms' },
    { name: 'of that: the start', value: median(linked.map(({ start }) => start)), unit: 'ms' },
  ];
}

if (import.meta.main) console.log(JSON.stringify(await linkedCloneQemu(), null, 2));

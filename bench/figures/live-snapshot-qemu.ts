// Run by `npm run bench`, or alone: `node bench/figures/live-snapshot-qemu.ts`. Needs the real QEMU and the tiny guest.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';

import type { QemuDriverOptions } from '../../drivers/qemu/src/driver-options.ts';
import { QmpClient } from '../../drivers/qemu/src/qmp/qmp-client.ts';
import { readSnapshots } from '../../drivers/qemu/src/snapshot-store.ts';
import type { Pause } from '../../drivers/qemu/src/snapshot-tree.ts';
import { busyGuest } from '../../drivers/qemu/src/testing/busy-guest.ts';
import { findQemu10 } from '../../drivers/qemu/src/testing/qemu10.ts';
import { makeRealQemu } from '../../drivers/qemu/src/testing/real-qemu.ts';
import { type FigureRow, median } from '../figure.ts';

interface Taken {
  pause: Pause;
  totalMs: number;
  megabytes: number;
}

const rounds = 5;
const memoryMiB = 512;
/** Of random data that the guest holds in its memory: empty pages are not written by either way. */
const heldMiB = 160;

/**
 * How long a guest of 512 MiB with a busy disk stands still: in a live snapshot with memory of Nakhoda's, and in
 * `snapshot-save`, QEMU's own, on the same guest in the same run. Medians of five each; QEMU's STOP to RESUME. With the
 * system's QEMU, and with QEMU 10 where that is another.
 */
export async function liveSnapshotQemu(): Promise<FigureRow[]> {
  const own = await measured('QEMU', {});
  const ten = await findQemu10();
  return ten?.programs === undefined ? own : [...own, ...(await measured('QEMU 10', ten))];
}

async function measured(name: string, options: Partial<QemuDriverOptions>): Promise<FigureRow[]> {
  const ctx = testContext();
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver(options);
  const spec = await qemu.spec({ memoryMiB });
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  const guest = await busyGuest(driver, ctx, vmid);
  await guest.shell(`dd if=/dev/urandom of=/run/held bs=1M count=${heldMiB} 2>/dev/null`);
  const loop = 'while :; do dd if=/dev/urandom of=/data/busy bs=64k count=64 conv=fsync; done';
  await guest.shell(`sh -c '${loop}' >/dev/null 2>&1 &`);

  const ours: Taken[] = [];
  for (let round = 0; round < rounds; round += 1) ours.push(await takeOurs(driver, spec, `round${round}`));
  await driver.close();
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round += 1) theirs.push(await saveByHand(spec, `round${round}`));

  const next = await qemu.makeDriver(options);
  await next.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await next.undefine(ctx, { vmid });
  await next.close();
  return rows(name, ours, theirs);
}

async function takeOurs(driver: Driver, spec: MachineSpec, name: string): Promise<Taken> {
  const ctx = testContext();
  const { vmid } = spec;
  assert.ok(driver.snapshots);
  const since = performance.now();
  await driver.snapshots.take(ctx, { vmid, name, description: '', memory: true });
  const totalMs = performance.now() - since;
  const entry = (await readSnapshots(spec)).entries.find((one) => one.name === name);
  assert.ok(entry?.pause);
  await driver.snapshots.delete(ctx, { vmid, name });
  return { pause: entry.pause, totalMs, megabytes: (entry.memoryBytes ?? 0) / 1024 / 1024 };
}

/** Milliseconds from STOP to RESUME of QEMU's own snapshot of the whole guest, into its disk's image. */
async function saveByHand(spec: MachineSpec, tag: string): Promise<number> {
  const qmp = await QmpClient.connect({ socketPath: join(spec.runtimeDirectory, 'qmp.sock'), timeoutMs: 5_000 });
  try {
    const moments: Record<string, number> = {};
    qmp.onEvent(({ event, at }) => (moments[event] = at));
    // The driver uses none of these, so its client does not have them.
    const job = async (command: string, args: object): Promise<void> => {
      await qmp.execute(command as never, { 'job-id': tag, tag, 'devices': ['disk0'], ...args } as never);
      for (;;) {
        const [found] = await qmp.execute('query-jobs', {}, { timeoutMs: 120_000 });
        if (found?.status === 'concluded') {
          assert.equal(found.error, undefined);
          await qmp.execute('job-dismiss', { id: tag });
          return;
        }
        await delay(20);
      }
    };
    await job('snapshot-save', { vmstate: 'disk0' });
    const pause = (moments['RESUME'] ?? Number.NaN) - (moments['STOP'] ?? Number.NaN);
    await job('snapshot-delete', {});
    return pause;
  } finally {
    qmp.close();
  }
}

function rows(qemu: string, ours: readonly Taken[], theirs: readonly number[]): FigureRow[] {
  const pause = median(ours.map((one) => one.pause.ms));
  const save = median(theirs);
  const [first] = ours;
  const reason = first?.pause.reason;
  const parts = (first?.pause.parts ?? []).map(({ what }, index): FigureRow => ({
    name: `${qemu}, of the pause: ${what}`,
    value: median(ours.map((one) => one.pause.parts[index]?.ms ?? Number.NaN)),
    unit: 'ms',
    note: 'as the driver saw it; QEMU tells of RESUME before the driver hears it',
  }));
  return [
    {
      name: `${qemu}: pause of a live snapshot with memory`,
      value: pause,
      unit: 'ms',
      against: `snapshot-save: ${save.toFixed(1)} ms`,
      ratio: pause / save,
      ...(reason === undefined ? { limit: { of: 'ratio', atMost: 0.1 } as const } : {}),
      note: reason ?? `${memoryMiB} MiB guest, ${heldMiB} MiB of them random data, busy disk; median of ${rounds}`,
    },
    {
      name: `${qemu}: the longest of these pauses`,
      value: Math.max(...ours.map((one) => one.pause.ms)),
      unit: 'ms',
      // Promised only where memory can be written in the background.
      ...(reason === undefined ? { limit: { of: 'value', atMost: 100 } as const } : {}),
    },
    ...parts,
    {
      name: `${qemu}: the whole of it, while the guest runs`,
      value: median(ours.map((one) => one.totalMs)),
      unit: 'ms',
      note: `${median(ours.map((one) => one.megabytes)).toFixed(0)} MiB written`,
    },
  ];
}

if (import.meta.main) console.log(JSON.stringify(await liveSnapshotQemu(), null, 2));

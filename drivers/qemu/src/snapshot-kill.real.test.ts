import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { Driver } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { exec } from '@nakhoda/host';

import { busyGuest } from './testing/busy-guest.ts';
import { makeRealQemu } from './testing/real-qemu.ts';

const ctx = testContext();
/** Orders, with the milliseconds after which each is over on a machine that has nothing else to do. */
const orders = { 'take': 80, 'take-memory': 600, 'rollback': 400, 'delete': 80 } as const;
type Order = keyof typeof orders;
const kills = Number(process.env['NAKHODA_KILLS'] ?? 16);

/** Numbers from 0 to below 1, the same for the same seed (Numerical Recipes' generator). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Gives an order in a process of its own, and kills that so many milliseconds after it has begun. True when it was done before. */
async function killDuring(folder: string, vmid: number, order: string, name: string, afterMs: number): Promise<boolean> {
  const script = fileURLToPath(new URL('testing/snapshot-order.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder, String(vmid), order, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  await once(child.stdout, 'data');
  await delay(afterMs);
  child.kill('SIGKILL');
  await ended;
  return said.includes('done');
}

test('whenever its daemon is killed, a VM keeps its content and every snapshot its own', { timeout: 600_000 }, async (t) => {
  const seed = Number(process.env['NAKHODA_SEED'] ?? 7);
  t.diagnostic(`seed ${seed}`);
  const random = generator(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] ?? assert.fail('nothing to pick from');
  await using qemu = await makeRealQemu();
  const spec = await qemu.spec();
  const { vmid } = spec;
  let driver: Driver = await qemu.makeDriver();
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });

  /** Of each snapshot, what was written on the disk and, where it is of memory as well, in memory. */
  const marks = new Map<string, { disk: string; memory: string | null }>();
  let now = { disk: '', memory: '' };
  const mark = async (value: string): Promise<void> => {
    await (await busyGuest(driver, ctx, vmid)).shell(`echo ${value} > /data/mark; sync; echo ${value} > /run/mark`);
    now = { disk: value, memory: value };
  };
  const look = async (): Promise<{ disk: string; memory: string }> => {
    const text = await (
      await busyGuest(driver, ctx, vmid)
    ).shell('echo 3 > /proc/sys/vm/drop_caches; cat /data/mark; cat /run/mark 2>/dev/null || true');
    const [disk = '', memory = ''] = text.split('\n');
    return { disk, memory };
  };
  const snapshots = driver.snapshots ?? assert.fail('no snapshots');
  const names = async (): Promise<string[]> => (await driver.snapshots?.list(ctx, { vmid }))?.map(({ name }) => name) ?? [];
  await mark('0');
  await snapshots.take(ctx, { vmid, name: 's0', description: '', memory: true });
  marks.set('s0', { disk: '0', memory: '0' });

  for (let round = 1; round <= kills; round += 1) {
    await mark(String(round));
    const order = pick((Object.keys(orders) as Order[]).filter((one) => one !== 'delete' || marks.size > 2));
    const withMemory = [...marks].filter(([, { memory }]) => memory !== null).map(([name]) => name);
    const name = order === 'rollback' ? pick(withMemory) : order === 'delete' ? pick([...marks.keys()].slice(1)) : `s${round}`;
    const before = await names();
    await driver.close();
    const afterMs = Math.floor(random() * orders[order]);
    const done = await killDuring(qemu.folder, vmid, order, name, afterMs);
    driver = await qemu.makeDriver();
    const { state, reason } = (await driver.inspect(ctx, { vmid })) ?? assert.fail('the VM is gone');
    t.diagnostic(`${order} ${name} + ${afterMs} ms: ${done ? 'done' : 'killed'}, ${state} ${reason ?? ''}`);

    const left = await names();
    const others = before.filter((one) => one !== name);
    assert.deepEqual(
      left.filter((one) => one !== name),
      others,
    );
    if (order === 'rollback') {
      // As the task does that goes on after a crash.
      if (!done) await driver.snapshots?.rollback(ctx, { vmid, name });
      const { disk, memory } = marks.get(name) ?? assert.fail();
      now = { disk, memory: memory ?? assert.fail() };
    } else {
      assert.equal(state, 'running', reason ?? '');
      if (order === 'delete' && !left.includes(name)) marks.delete(name);
      if (order !== 'delete' && left.includes(name))
        marks.set(name, { disk: now.disk, memory: order === 'take-memory' ? now.memory : null });
      if (done) assert.equal(left.includes(name), order !== 'delete');
    }
    assert.deepEqual(await look(), now, `after ${order} ${name}`);
    if (round % 4 !== 0) continue;
    // A restart from the disks as the record has them.
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
    await driver.start(ctx, { vmid });
    assert.equal((await look()).disk, now.disk, 'after a restart');
  }

  for (const [name, { disk, memory }] of marks) {
    await driver.snapshots?.rollback(ctx, { vmid, name });
    if (memory === null) await driver.start(ctx, { vmid });
    const found = await look();
    assert.equal(found.disk, disk, name);
    if (memory !== null) assert.equal(found.memory, memory, name);
  }
  for (const name of await names()) await driver.snapshots?.delete(ctx, { vmid, name });
  assert.deepEqual(
    (await readdir(spec.directory)).filter((name) => /^(disk|memory)/.test(name)),
    ['disk0.qcow2'],
  );
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await exec(['qemu-img', 'check', '-q', spec.disks[0]?.path ?? '']);
  await driver.undefine(ctx, { vmid });
  await driver.close();
  assert.deepEqual(await qemu.leftovers(), []);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import type { MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import { parseMachine } from './machine-file.ts';
import { CloneBench, filesBelow } from './testing/clone-bench.ts';
import { processesOf } from './testing/real-host.ts';
import { writeBlock } from './testing/write-block.ts';

/**
 * VirtualBox's service, or the VM's own process, is killed within orders, at shares of their usual durations that a
 * seed gives. One VM that runs, or is stopped; nothing boots in it. NAKHODA_SEED gives other moments and victims, and
 * NAKHODA_KILLS has each victim killed so often within each order.
 */
const ctx = testContext();
const bench = new CloneBench();
const seed = Number(process.env['NAKHODA_SEED'] ?? 1);
const rounds = Number(process.env['NAKHODA_KILLS'] ?? 0);
const programs = { service: '/VBoxSVC', vm: '/VirtualBoxVM' } as const;

type Victim = keyof typeof programs;

interface Order {
  victims: Victim[];
  /** How many of them, one after another, where nothing else is asked for; one. */
  kills?: number;
  state: 'running' | 'stopped';
  /** Milliseconds that it usually takes: two cores, the interpreter. */
  usualMs: number;
  give(): Promise<unknown>;
  isDone(): Promise<boolean>;
  /** Nothing of it is left; for an order that failed. */
  isUndone?(): Promise<boolean>;
  takeBack(): Promise<unknown>;
}

before(() => bench.begin());
after(() => bench.end());

async function kill(victim: Victim): Promise<boolean> {
  const found = (await processesOf(bench.host.userHome)).filter(({ commandLine }) => commandLine.includes(programs[victim]));
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
  return found.length > 0;
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
function generator(state: number): () => number {
  let next = state;
  return () => {
    next = (next + 0x6d2b79f5) | 0;
    let mixed = Math.imul(next ^ (next >>> 15), 1 | next);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function ordersFor(one: MachineSpec, clone: MachineSpec): Record<string, Order> {
  const { driver } = bench;
  const { vmid } = one;
  const { snapshots, hotplug, suspend } = driver;
  const [first] = one.disks;
  assert.ok(first && snapshots && hotplug && suspend);
  const second = { ...first, slot: 'disk1', path: first.path.replace('disk0', 'disk1') };
  let sizeBytes = second.sizeBytes;
  const two = (): MachineSpec => ({ ...one, disks: [first, { ...second, sizeBytes }] });
  const names = async (): Promise<string[]> => (await snapshots.list(ctx, { vmid })).map(({ name }) => name);
  const has = async (name: string): Promise<boolean> => (await names()).includes(name);
  const hasDisk = async (): Promise<boolean> =>
    (parseMachine(await bench.settings(one))?.attachments ?? []).filter(({ type }) => type === 'HardDisk').length === 2;
  const take = (name: string, memory: boolean) => () => snapshots.take(ctx, { vmid, name, description: '', memory });
  const remove = (name: string): Promise<void> => snapshots.delete(ctx, { vmid, name });
  const taking = (name: string, memory: boolean, state: Order['state']): Order => ({
    ...{ victims: state === 'running' ? ['service', 'vm'] : ['service'], state, usualMs: memory ? 500 : 300, give: take(name, memory) },
    isDone: () => has(name),
    isUndone: async () => !(await has(name)),
    takeBack: () => remove(name),
  });
  const deleting = (name: string, state: Order['state']): Order => ({
    ...{ victims: state === 'running' ? ['service', 'vm'] : ['service'], state, usualMs: 200 },
    give: async () => ((await has(name)) ? remove(name) : undefined),
    isDone: async () => !(await has(name)),
    takeBack: () => Promise.resolve(),
  });
  return {
    'attach a disk': {
      ...{ victims: ['service'], state: 'stopped', usualMs: 200, give: () => driver.define(ctx, { spec: two() }) },
      isDone: hasDisk,
      isUndone: async () => !(await hasDisk()) && !(await filesBelow(one.directory)).includes(second.path),
      takeBack: () => Promise.resolve(),
    },
    'grow a disk': {
      ...{ victims: ['service'], state: 'stopped', usualMs: 120 },
      give: async () => {
        sizeBytes = second.sizeBytes + 1024 ** 2;
        await driver.define(ctx, { spec: two() });
      },
      isDone: async () => (await driver.measureImage(ctx, { vmid, path: second.path })).sizeBytes === sizeBytes,
      takeBack: async () => {
        await driver.define(ctx, { spec: one });
        await driver.deleteImage(ctx, { vmid, path: second.path });
        sizeBytes = second.sizeBytes;
      },
    },
    'plug a disk in': {
      ...{ victims: ['service', 'vm'], state: 'running', usualMs: 150, give: () => hotplug.change(ctx, { spec: two() }) },
      isDone: hasDisk,
      takeBack: async () => {
        await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
        await driver.define(ctx, { spec: one });
        await driver.deleteImage(ctx, { vmid, path: second.path });
      },
    },
    'start': {
      ...{ victims: ['service', 'vm'], state: 'stopped', usualMs: 1500, give: () => driver.start(ctx, { vmid }) },
      isDone: async () => (await driver.inspect(ctx, { vmid }))?.state === 'running',
      takeBack: () => Promise.resolve(),
    },
    'stop': {
      ...{ victims: ['service', 'vm'], state: 'running', usualMs: 400 },
      give: () => driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 }),
      isDone: async () => (await driver.inspect(ctx, { vmid }))?.state === 'stopped',
      takeBack: () => Promise.resolve(),
    },
    'take with memory': { ...taking('memory', true, 'running'), kills: 2 },
    'take of disks': taking('disks', false, 'running'),
    'take of a stopped VM': taking('still', false, 'stopped'),
    'suspend': {
      ...{ victims: ['service', 'vm'], state: 'running', usualMs: 600, give: () => suspend.suspend(ctx, { vmid }) },
      isDone: async () => (await driver.inspect(ctx, { vmid }))?.suspended === true,
      takeBack: () => suspend.discard(ctx, { vmid }),
    },
    // 'kept' is there from now on.
    'take the kept one': { ...taking('kept', true, 'running'), victims: [], takeBack: take('over', false) },
    'delete while it runs': deleting('over', 'running'),
    'roll back': {
      ...{ victims: ['service', 'vm'], kills: 2, state: 'running', usualMs: 3000 },
      give: () => snapshots.rollback(ctx, { vmid, name: 'kept', spec: one }),
      isDone: async () => (await driver.inspect(ctx, { vmid }))?.state === 'running',
      takeBack: () => Promise.resolve(),
    },
    'clone': {
      ...{ victims: ['service'], state: 'stopped', usualMs: 500 },
      give: async () => {
        await driver.clone?.(ctx, { source: vmid, snapshot: 'kept', linked: true, spec: clone });
        await driver.define(ctx, { spec: clone });
      },
      isDone: async () => (await driver.inspect(ctx, { vmid: clone.vmid }))?.state === 'stopped',
      takeBack: () => driver.undefine(ctx, { vmid: clone.vmid }),
    },
    'define': {
      ...{ victims: ['service'], state: 'stopped', usualMs: 200, give: () => driver.define(ctx, { spec: clone }) },
      isDone: async () => (await driver.inspect(ctx, { vmid: clone.vmid }))?.state === 'stopped',
      isUndone: async () => (await filesBelow(clone.directory)).length === 0,
      takeBack: () => driver.undefine(ctx, { vmid: clone.vmid }),
    },
    'undefine': {
      ...{ victims: ['service'], state: 'stopped', usualMs: 120 },
      give: async () => {
        if ((await driver.inspect(ctx, { vmid: clone.vmid })) !== null) await driver.undefine(ctx, { vmid: clone.vmid });
      },
      isDone: async () => (await filesBelow(clone.directory)).length === 0,
      takeBack: () => Promise.resolve(),
    },
    'delete': deleting('kept', 'stopped'),
  };
}

test('whatever is killed within an order: a clear end, nothing half-made, and it can be done again', { timeout: 600_000 }, async (t) => {
  const spec = await bench.withSource(t);
  if (!spec) return;
  await bench.driver.close();
  bench.driver = bench.host.makeDriver({ callTimeoutMs: 12_000 });
  const { driver } = bench;
  const { vmid } = spec;
  await writeBlock(await bench.topImage(spec), 2, 0x44);
  const orders = ordersFor(spec, await bench.newSpec());
  const random = generator(seed);
  const problems: string[] = [];
  const stateNow = async (): Promise<string> => {
    const status = await driver.inspect(ctx, { vmid });
    return `${status?.state}${status?.reason === undefined ? '' : `: ${status.reason}`}`;
  };
  const bring = async (state: Order['state']): Promise<void> => {
    if (state === 'stopped') await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
    else await driver.start(ctx, { vmid });
  };
  for (const [name, order] of Object.entries(orders)) {
    const { victims, kills = 1, state, usualMs, give, isDone, isUndone, takeBack } = order;
    const offset = Math.floor(random() * victims.length);
    const some = Array.from({ length: victims.length === 0 ? 0 : kills }, (_, index) => victims[(offset + index) % victims.length]!);
    for (const victim of rounds === 0 ? some : Array.from({ length: rounds }, () => victims).flat()) {
      if (name === 'undefine' && (await driver.inspect(ctx, { vmid: vmid + 1 })) === null) await orders['define']?.give();
      await bring(state);
      const afterMs = Math.round(random() * usualMs);
      const began = performance.now();
      const given = give().then(
        () => null,
        (error: unknown) => toNakhodaError(error),
      );
      await delay(afterMs);
      const was = await kill(victim);
      const error = await given;
      const tookMs = Math.round(performance.now() - began);
      const told = error ? `${error.code}: ${error.message}` : 'done';
      // A machine whose service died while its memory was saved is on its way somewhere.
      const isClear = async (): Promise<boolean> => /^(running|paused|stopped|crashed: )/u.test(await stateNow());
      const clear = (await waitFor(isClear, { timeoutMs: 15_000, pollMs: 50 })) === true;
      const found = `${name}, ${victim} ${was ? 'killed' : 'not there'} after ${afterMs} ms: ${told}, after ${tookMs} ms; ${await stateNow()}`;
      t.diagnostic(found);
      const must = (isSo: boolean, what: string): void => {
        if (!isSo) problems.push(`${what}: ${found}`);
      };
      must(tookMs < 25_000, 'it took too long');
      must(error === null || (error.hint !== '' && error.code !== 'internal'), 'no clear error');
      must(clear, 'no clear state');
      if (error && isUndone && !(await isDone())) must(await isUndone(), 'something is left');
      try {
        if (!(await isDone())) {
          // A VM whose service died knows no new one.
          if (state === 'running') await bring('stopped');
          await bring(state);
          await give();
        }
        must(await isDone(), 'not done after it was given again');
        if (state === 'running') await bring('stopped');
        await takeBack();
      } catch (again) {
        problems.push(`cannot be done again (${toNakhodaError(again).message}): ${found}`);
        break;
      }
    }
    if (victims.length === 0) {
      await bring(state);
      await give();
      await takeBack();
    }
  }

  // A service of its own reads what the others have left.
  await kill('service');
  await waitFor(async () => !(await processesOf(bench.host.userHome)).some(({ commandLine }) => commandLine.includes('/VBoxSVC')), {
    ...{ timeoutMs: 5000, pollMs: 50 },
  });
  await bring('stopped');
  assert.deepEqual(problems, [], `seed ${seed}`);
  assert.deepEqual(await driver.snapshots?.list(ctx, { vmid }), []);
  assert.deepEqual(await bench.blocks(await bench.inDrive(spec)), [0, 0, 0x44, 0, 0, 0, 0, 0]);
});

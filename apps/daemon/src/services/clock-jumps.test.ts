import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { readLeases, waitFor } from '@nakhoda/host';
import type { Task } from '@nakhoda/schema';

import { createConsoleTickets } from '../console/console-tickets.ts';
import { openTestCore } from '../testing/test-core.ts';
import { createCrashRestarts } from './crash-restarts.ts';
import { planNewVm } from './plans.ts';

const hour = 3_600_000;
const year = 365 * 24 * hour;

/** The host's clock, which is set as somebody or a time server would; timers and what counts durations are not touched by it. */
function wallClock(t: TestContext): { jump(ms: number): void } {
  let time = Date.now();
  t.mock.timers.enable({ apis: ['Date'], now: time });
  return {
    jump(ms) {
      time += ms;
      t.mock.timers.setTime(time);
    },
  };
}

async function openVm(options: object) {
  const core = await openTestCore();
  const { engine } = core.services;
  const run = async (kind: string, input: object): Promise<Task> => {
    const task = await engine.wait((await engine.start(kind, input, { user: 'test' })).id);
    assert.equal(task.state, 'succeeded', JSON.stringify(task.error));
    return task;
  };
  const record = await planNewVm(core.services, { name: 'web', hypervisor: 'fake', memoryMiB: 64, ...options });
  await run('vm.create', { record, start: true });
  return { core, run, vmid: record.spec.vmid, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

for (const [direction, jumpMs] of [
  ['forward', year],
  ['back', -year],
] as const) {
  test(`the clock jumps a year ${direction}: uptime, tasks, and tickets of consoles go on as if nothing had been`, async (t) => {
    const clock = wallClock(t);
    await using vm = await openVm({});
    const { core, run, vmid } = vm;
    const { inventory, engine } = core.services;
    const tickets = createConsoleTickets();
    const issue = () => tickets.issue({ kind: 'serial', vmid, principal: { kind: 'token', user: 'admin' } }).ticket;
    const before = issue();
    const former = engine.list().map(({ id }) => id);
    // A task that is under way.
    const paused = engine.start('vm.pause', { vmid, name: 'web' }, { user: 'test' });
    clock.jump(jumpMs);
    const { id } = await paused;
    const { startedAt, endedAt, steps } = await engine.wait(id);
    assert.ok(startedAt !== null && endedAt !== null && Date.parse(endedAt) >= Date.parse(startedAt), `${startedAt} to ${endedAt}`);
    for (const step of steps) assert.ok(Date.parse(step.endedAt ?? '') >= Date.parse(step.startedAt ?? ''), step.name);
    assert.ok(tickets.redeem({ ticket: before, kind: 'serial', vmid }), 'a ticket of before the jump');
    assert.ok(tickets.redeem({ ticket: issue(), kind: 'serial', vmid }), 'a ticket of after it');
    await inventory.refresh(vmid);
    const { uptimeSeconds } = inventory.view(inventory.byVmid(vmid)!);
    assert.ok(uptimeSeconds < 60, `it has run for ${uptimeSeconds} s`);
    await run('vm.resume', { vmid, name: 'web' });
    const ids = engine.list().map((task) => task.id);
    assert.deepEqual(ids, ids.toSorted().toReversed(), 'the newest first');
    assert.deepEqual(ids.slice(-former.length), former);
  });

  test(`the clock jumps an hour ${direction} between crashes: the pauses before restarts grow all the same`, async (t) => {
    const clock = wallClock(t);
    await using vm = await openVm({ crashPolicy: 'restart' });
    const { core, vmid } = vm;
    const lines: string[] = [];
    const services = { ...core.services, log: (line: string) => void lines.push(line) };
    const stopping = new AbortController();
    let steady = 0;
    const restarts = createCrashRestarts(services, stopping.signal, () => (steady += 100));
    const crash = async (): Promise<void> => {
      core.driver.crash(vmid);
      await services.inventory.refresh(vmid);
      restarts.look();
    };
    const runs = (): boolean => services.inventory.state(vmid) === 'running' && !services.engine.isLocked(`vm/${vmid}`);
    await crash();
    assert.ok(await waitFor(runs, { timeoutMs: 5_000, pollMs: 5 }), 'the first restart comes at once');
    clock.jump(Math.sign(jumpMs) * hour);
    await crash();
    assert.ok(await waitFor(() => lines.length > 0, { timeoutMs: 5_000, pollMs: 5 }), 'the second did not wait');
    assert.match(lines.join(), /restarted in 1 s/u);
    stopping.abort();
  });
}

test('leases are judged by the clock that the DHCP server has, too: the host’s', async (t) => {
  const clock = wallClock(t);
  const folder = await mkdtemp(join(tmpdir(), 'nk-leases-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'lab.leases');
  await writeFile(path, `${Math.floor((Date.now() + hour) / 1000)} 02:4e:4b:00:00:01 10.77.0.9 * *\n`);
  assert.equal((await readLeases(path)).length, 1);
  clock.jump(-year);
  assert.equal((await readLeases(path)).length, 1);
  clock.jump(year + 2 * hour);
  assert.deepEqual(await readLeases(path), [], 'until the guest renews it, ARP and the agent tell its address');
});

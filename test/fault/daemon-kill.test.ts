import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import { hasEnded, type Task, type Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { processesOf } from '../support/processes-of.ts';
import { createWorkload, networkNames, vmNames, type Workload } from '../support/random-workload.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { settle } from '../support/task-ledger.ts';

/**
 * The daemon is killed again and again while random orders are carried out: real daemon, database, API, bridges and DHCP
 * servers; the hypervisor is the fake one, whose machines outlive the daemon in a file. NAKHODA_SEED repeats the orders of a
 * run, though not its timing.
 */
const seed = Number(process.env['NAKHODA_SEED'] ?? randomInt(2 ** 31));
const random = seededRandom(seed);
const kills = 25;
/** Orders go on until the daemon has told of so many changes, at most. */
const longestRound = 120;
const settleLimitMs = 60_000;

let daemon: DaemonProcess;
let workload: Workload;
/** Every task that any daemon of this test has shown, in its last form. */
const known = new Map<string, Task>();
let unfinishedAtKills = 0;

before(async () => {
  daemon = await startDaemon({ hypervisors: 'fake' });
  workload = createWorkload(daemon.client, random);
});
after(async () => daemon?.[Symbol.asyncDispose]());

/**
 * Lets orders run until so many task changes were told, and kills the daemon at that moment; or tells it to stop, which
 * interrupts tasks as well. Gives the last event's id.
 */
async function workAndKill(changes: number): Promise<number> {
  const killing = new AbortController();
  const { promise: subscribed, resolve: onSubscribed } = Promise.withResolvers<void>();
  let lastId = 0;
  const watch = async (): Promise<void> => {
    let left = changes;
    // Any id from before is answered with `resync` at once: so the watcher knows that it is connected.
    for await (const event of daemon.client.events({ lastEventId: 0 })) {
      lastId = event.id;
      onSubscribed();
      if (event.type !== 'task') continue;
      left -= 1;
      if (left <= 0) break;
    }
    killing.abort();
    if (random.integer(4) === 0) assert.equal(await daemon.stop(), 0, 'it ends in order when it is told to');
    else await daemon.kill();
  };
  const watching = watch();
  await Promise.race([subscribed, watching]);
  await Promise.all([watching, workload.run(killing.signal)]);
  unfinishedAtKills += [...workload.seen.values()].some((task) => !hasEnded(task) && !known.has(task.id)) ? 1 : 0;
  return lastId;
}

/** Waits until no task has anything left to do, and takes note of all of them. */
async function untilSettled(): Promise<void> {
  const busy = (tasks: Task[]): Task[] => tasks.filter((task) => !hasEnded(task));
  const tasks = await waitFor(
    async () => {
      const all = await daemon.client.call('task.list', { query: { limit: 1000 } });
      return busy(all).length === 0 && all;
    },
    { timeoutMs: settleLimitMs },
  );
  if (tasks === null) {
    const left = busy(await daemon.client.call('task.list', { query: { limit: 1000 } }));
    assert.fail(`Tasks are still under way: ${JSON.stringify(left, null, 1)}`);
  }
  assert.ok(tasks.length < 1000, 'all tasks are kept, so that none is missing below');
  for (const task of tasks) known.set(task.id, task);
}

function checkTasks(): void {
  for (const task of known.values()) {
    assert.ok(['succeeded', 'failed', 'cancelled'].includes(task.state), JSON.stringify(task, null, 1));
    assert.notEqual(task.error?.code, 'internal', JSON.stringify(task, null, 1));
  }
  for (const [id, told] of workload.seen) {
    const kept = known.get(id);
    assert.ok(kept, `the accepted order ${told.title} is not forgotten`);
    if (hasEnded(told)) assert.equal(kept.state, told.state, `what was told of ${told.title} stays true`);
    workload.seen.set(id, kept);
  }
}

interface FakeMachine {
  spec: { vmid: number; name: string; uuid: string };
  state: string;
  snapshots: { name: string }[];
}

/** The inventory, the hypervisor and the tasks agree on what there is. */
async function checkVms(): Promise<Vm[]> {
  const vms = await daemon.client.call('vm.list', {});
  const text = await readFile(join(daemon.data, 'fake.json'), 'utf8').catch(() => '[]');
  const machines = (JSON.parse(text) as FakeMachine[]).toSorted((a, b) => a.spec.vmid - b.spec.vmid);
  assert.deepEqual(
    vms.map(({ vmid, name, uuid, state }) => ({ vmid, name, uuid, state })),
    machines.map(({ spec, state }) => ({ vmid: spec.vmid, name: spec.name, uuid: spec.uuid, state })),
  );
  assert.equal(new Set(vms.map((vm) => vm.name)).size, vms.length, 'names are unique');

  const ledger = settle([...known.values()]);
  assert.deepEqual(
    vms.map(({ vmid, name }) => ({ vmid, name })),
    [...ledger.vms].sort(([a], [b]) => a - b).map(([vmid, { name }]) => ({ vmid, name })),
    'what was acknowledged is there, what was destroyed is gone, and nothing else exists',
  );
  for (const { spec, state, snapshots } of machines) {
    const expected = ledger.vms.get(spec.vmid);
    assert.deepEqual(snapshots.map((snapshot) => snapshot.name).sort(), expected?.snapshots.toSorted(), `snapshots of ${spec.name}`);
    if (expected && expected.running !== null) assert.equal(state, expected.running ? 'running' : 'stopped', `state of ${spec.name}`);
  }
  return vms;
}

/** Folders, interfaces and processes all have an owner. */
async function checkHost(vms: readonly Vm[]): Promise<void> {
  const vmids = vms.map((vm) => String(vm.vmid)).sort();
  assert.deepEqual(await list('images'), vmids, 'folders of images');
  for (const folder of await list('run/vm')) assert.ok(vmids.includes(folder), `run/vm/${folder} belongs to a VM`);

  const all = await daemon.client.call('network.list');
  assert.equal(new Set(all.map((network) => network.gateway)).size, all.length, 'ranges of networks do not overlap');
  const networks = all.map(({ name, state }) => ({ name, state }));
  const expected = [...settle([...known.values()]).networks].sort();
  assert.deepEqual(
    networks.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    expected.map((name) => ({ name, state: 'up' })),
  );
  const links = JSON.parse((await daemon.inNamespace(['ip', '-j', 'link', 'show'])).stdout) as { ifname: string }[];
  assert.deepEqual(
    links.map((link) => link.ifname).sort(),
    ['lo', ...expected.map((name) => `nk-${name}`)].sort(),
    'interfaces in the namespace',
  );
  const servers = (await processesOf(daemon.data)).filter(({ argv }) => argv[0] === 'dnsmasq');
  const bridges = servers.flatMap(({ argv }) => argv.filter((part) => part.startsWith('--interface='))).map((part) => part.slice(12));
  assert.deepEqual(bridges.sort(), expected.map((name) => `nk-${name}`).sort(), 'one DHCP server for each network');
  for (const nic of vms.flatMap((vm) => vm.nics)) assert.ok(expected.includes(nic.network), `the network ${nic.network} of a VM exists`);
}

const list = (folder: string): Promise<string[]> =>
  readdir(join(daemon.data, folder)).then(
    (names) => names.sort(),
    () => [],
  );

/** A client that asks to go on from the former daemon's events is told to read everything anew. */
async function checkEventStream(lastId: number): Promise<void> {
  for await (const event of daemon.client.events({ lastEventId: lastId })) {
    assert.equal(event.type, 'resync');
    assert.ok(event.id > lastId, 'ids go on growing');
    return;
  }
  assert.fail('the event stream ended without a word');
}

async function checkEverything(): Promise<void> {
  await untilSettled();
  checkTasks();
  await checkHost(await checkVms());
}

test(`nothing is lost, doubled or left when the daemon is killed ${kills} times under random orders`, async (t: TestContext) => {
  t.diagnostic(`NAKHODA_SEED=${seed}`);
  for (let kill = 1; kill <= kills; kill += 1) {
    try {
      const lastId = await workAndKill(1 + random.integer(longestRound));
      // A daemon that is putting things in order is killed as well, wherever its start is by then.
      for (let again = random.integer(3); again > 0; again -= 1) await daemon.restartAndKill(200 + random.integer(1200));
      await daemon.restart();
      await checkEventStream(lastId);
      await checkEverything();
    } catch (error) {
      throw new Error(`With NAKHODA_SEED=${seed}, after kill ${kill} of ${kills}; the daemon's last words:\n${daemon.log().slice(-3000)}`, {
        cause: error,
      });
    }
  }
  const count = (state: string): number => [...known.values()].filter((task) => task.state === state).length;
  t.diagnostic(`${known.size} tasks: ${count('succeeded')} succeeded, ${count('failed')} failed, ${count('cancelled')} cancelled`);
  t.diagnostic(`refused: ${JSON.stringify(Object.fromEntries(workload.refusals))}; tasks were under way at ${unfinishedAtKills} kills`);
  assert.ok(unfinishedAtKills >= kills / 2, 'most kills came in the middle of a task');
  assert.ok(count('succeeded') > kills, 'orders were carried out');
});

test('afterwards everything can be removed and every name used again', async () => {
  for (const { name, state } of await daemon.client.call('vm.list', {})) {
    if (state === 'running') await daemon.json('vm', 'stop', name);
    await daemon.json('vm', 'destroy', name);
  }
  for (const { name } of await daemon.client.call('network.list')) await daemon.json('network', 'delete', name);
  await checkEverything();
  assert.deepEqual(await list('networks'), []);
  assert.deepEqual(await list('run/net'), []);

  for (const name of networkNames)
    await daemon.json('network', 'create', name, '--cidr', `10.9${networkNames.indexOf(name)}.0.0/24`, '--dhcp');
  for (const name of vmNames) await daemon.json('vm', 'create', name, '--hypervisor', 'fake', '--network', networkNames[0]);
  await checkEverything();
});

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { readJsonFile } from '../../atomic-file.ts';
import { exec } from '../../exec.ts';
import type { ProcessRef } from '../../process.ts';
import { isAlive, processArgv, waitForExit } from '../../process.ts';
import type { NetworkPlace } from '../ensure-network.ts';
import { ensureNetwork, leaseFilePath, observeNetwork, removeNetwork } from '../ensure-network.ts';
import type { HostContext } from '../host-context.ts';
import { readHostNetwork, readLinks } from '../host-network-facts.ts';
import { interfaceMark, tapName } from '../interface-names.ts';
import { mergeAddresses, readLeases, readNeighbours } from '../leases.ts';
import type { NetworkPlan } from '../plan-network.ts';
import { planNetwork } from '../plan-network.ts';
import { ensureTap, removeTap } from '../tap.ts';
import type { GuestNamespace } from './namespace.ts';
import { createVethGuest } from './namespace.ts';

const ctx: HostContext = { signal: new AbortController().signal, log: () => undefined };
const owner = 'test0001';
const macs = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'] as const;

let folder: string;
let place: NetworkPlace;
let lab: NetworkPlan;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nakhoda-network-'));
  place = { directory: join(folder, 'kept'), runtimeDirectory: join(folder, 'run'), owner };
  lab = planNetwork({ name: 'lab', cidr: '10.77.0.0/24', dhcp: true, owner }, await readHostNetwork());
});

afterEach(async () => {
  await removeNetwork(ctx, lab, place);
  assert.deepEqual(
    (await readLinks()).map(({ name }) => name),
    ['lo', ...(await inherited())],
  );
  assert.deepEqual(await dnsmasqs(), []);
  await rm(folder, { recursive: true });
});

/** Kernels with ifb built in put its devices in every namespace. */
async function inherited(): Promise<string[]> {
  const { stdout } = await exec(['unshare', '--net', 'ip', '-j', 'link']);
  return (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname).filter((name) => name !== 'lo');
}

async function dnsmasqs(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => processArgv(pid)?.[0] === 'dnsmasq' && processArgv(pid)?.some((part) => part.includes(folder)));
}

async function dnsmasqRef(): Promise<ProcessRef> {
  const record = await readJsonFile<{ ref: ProcessRef }>(join(place.runtimeDirectory, 'lab.dnsmasq.json'));
  assert.ok(record);
  return record.ref;
}

/** Runs a DHCP client in the guest; gives what the server told it. */
async function askForLease(guest: GuestNamespace, name: string): Promise<Record<string, string>> {
  const script = join(folder, `${name}.sh`);
  const told = join(folder, `${name}.env`);
  const act = 'ip address replace "$ip/$mask" dev "$interface"';
  await writeFile(script, `#!/bin/sh\n[ "$1" = bound ] || exit 0\n${act}\nenv > ${told}\n`, { mode: 0o700 });
  await guest.run(['busybox', 'udhcpc', '-f', '-n', '-q', '-t', '10', '-T', '1', '-i', 'eth0', '-s', script]);
  const lines = (await readFile(told, 'utf8')).split('\n');
  return Object.fromEntries(
    lines.filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

async function ping(guest: GuestNamespace, address: string): Promise<void> {
  await guest.run(['busybox', 'ping', '-c', '2', '-W', '2', address]);
}

test('two guests get leases, reach each other and the host, and are known by address', async () => {
  await ensureNetwork(ctx, lab, place);
  assert.deepEqual(await observeNetwork(ctx, lab, place), { state: 'up' });
  await using a = await createVethGuest({ port: 'guest-a', bridge: lab.bridge, mac: macs[0] });
  await using b = await createVethGuest({ port: 'guest-b', bridge: lab.bridge, mac: macs[1] });
  const [toldA, toldB] = [await askForLease(a, 'a'), await askForLease(b, 'b')];

  assert.match(toldA['ip'] ?? '', /^10\.77\.0\.\d+$/);
  assert.notEqual(toldA['ip'], toldB['ip']);
  assert.equal(toldA['mask'], '24');
  assert.equal(toldA['router'], undefined, 'no route to where the host does not route');
  assert.equal(toldA['dns'], undefined, 'no resolver where none answers');
  await ping(a, toldB['ip'] ?? '');
  await ping(b, toldA['ip'] ?? '');
  await ping(a, lab.gateway);

  const leases = await readLeases(leaseFilePath(lab, place));
  const neighbours = await readNeighbours(ctx, lab.bridge);
  assert.deepEqual(leases.map(({ mac }) => mac).sort(), [...macs].sort());
  assert.deepEqual(mergeAddresses({ leases, neighbours, vms: new Map([[macs[0], 100]]) }), [
    { mac: macs[0], address: toldA['ip'], source: 'lease', vmid: 100 },
    { mac: macs[1], address: toldB['ip'], source: 'lease' },
  ]);
  assert.ok(neighbours.some(({ mac, address }) => mac === macs[0] && address === toldA['ip']));
  assert.deepEqual(await readNeighbours(ctx, 'nk-none'), []);
});

test('a second call changes nothing; a dead DHCP server comes back and keeps the leases', async () => {
  await ensureNetwork(ctx, lab, place);
  const first = await dnsmasqRef();
  const links = await readLinks();
  await Promise.all([ensureNetwork(ctx, lab, place), ensureNetwork(ctx, lab, place)]);
  assert.deepEqual(await dnsmasqRef(), first);
  assert.deepEqual(await readLinks(), links);
  assert.equal((await dnsmasqs()).length, 1);

  await using a = await createVethGuest({ port: 'guest-a', bridge: lab.bridge, mac: macs[0] });
  const before = await askForLease(a, 'a');
  process.kill(first.pid, 'SIGKILL');
  await waitForExit(first, { timeoutMs: 5_000 });
  const observed = await observeNetwork(ctx, lab, place);
  assert.equal(observed.state, 'degraded');
  assert.match(observed.reason ?? '', /DHCP/);
  await ensureNetwork(ctx, lab, place);
  assert.deepEqual(await observeNetwork(ctx, lab, place), { state: 'up' });
  assert.equal((await askForLease(a, 'a'))['ip'], before['ip']);
});

test('a server whose record was lost is found again, not doubled', async () => {
  await ensureNetwork(ctx, lab, place);
  const first = await dnsmasqRef();
  await rm(join(place.runtimeDirectory, 'lab.dnsmasq.json'));
  await ensureNetwork(ctx, lab, place);
  assert.deepEqual(await dnsmasqRef(), first);
  assert.equal((await dnsmasqs()).length, 1);
});

test('a bridge deleted behind our back comes back with a server that listens on it', async () => {
  await ensureNetwork(ctx, lab, place);
  const first = await dnsmasqRef();
  await exec(['ip', 'link', 'delete', 'dev', lab.bridge]);
  assert.equal((await observeNetwork(ctx, lab, place)).state, 'down');
  await ensureNetwork(ctx, lab, place);
  assert.equal(isAlive(first), false);
  await using a = await createVethGuest({ port: 'guest-a', bridge: lab.bridge, mac: macs[0] });
  assert.match((await askForLease(a, 'a'))['ip'] ?? '', /^10\.77\.0\./);
  await exec(['ip', 'address', 'flush', 'dev', lab.bridge]);
  assert.equal((await observeNetwork(ctx, lab, place)).state, 'degraded');
  await ensureNetwork(ctx, lab, place);
  assert.deepEqual(await observeNetwork(ctx, lab, place), { state: 'up' });
});

test('two networks with DHCP stand side by side; one without DHCP has no server', async () => {
  await ensureNetwork(ctx, lab, place);
  const second = planNetwork({ name: 'second', cidr: '10.78.0.0/29', dhcp: true, owner }, await readHostNetwork());
  const quiet = planNetwork({ name: 'quiet', cidr: '100.64.0.0/16', dhcp: false, owner }, await readHostNetwork());
  await using stack = new AsyncDisposableStack();
  for (const network of [second, quiet]) {
    stack.defer(() => removeNetwork(ctx, network, place));
    await ensureNetwork(ctx, network, place);
    assert.deepEqual(await observeNetwork(ctx, network, place), { state: 'up' });
  }
  assert.equal((await dnsmasqs()).length, 2);
  await using a = await createVethGuest({ port: 'guest-a', bridge: lab.bridge, mac: macs[0] });
  await using b = await createVethGuest({ port: 'guest-b', bridge: second.bridge, mac: macs[1] });
  assert.match((await askForLease(a, 'a'))['ip'] ?? '', /^10\.77\.0\./);
  assert.match((await askForLease(b, 'b'))['ip'] ?? '', /^10\.78\.0\.[2-6]$/);
});

test('an interface of somebody else is refused and left alone', async () => {
  await exec(['ip', 'link', 'add', 'name', lab.bridge, 'type', 'bridge']);
  await exec(['ip', 'link', 'set', 'dev', lab.bridge, 'alias', 'nakhoda:other123:lab']);
  const links = await readLinks();
  const refused = { code: 'network.bridge-exists' };
  assert.throws(() => planNetwork({ name: 'lab', cidr: '10.79.0.0/24', dhcp: false, owner }, { links, routes: [] }), refused);
  await assert.rejects(ensureNetwork(ctx, lab, place), refused);
  await assert.rejects(removeNetwork(ctx, lab, place), refused);
  assert.match((await observeNetwork(ctx, lab, place)).reason ?? '', /did not make it/);
  assert.deepEqual(await readLinks(), links);
  await exec(['ip', 'link', 'delete', 'dev', lab.bridge]);
});

test('a network that cannot be finished leaves nothing', async () => {
  await writeFile(join(folder, 'run'), 'a file where the folder should be');
  await assert.rejects(ensureNetwork(ctx, lab, place));
  assert.equal(
    (await readLinks()).some(({ name }) => name === lab.bridge),
    false,
  );
  await rm(join(folder, 'run'));
  const aborted = new AbortController();
  const abortAtDhcp = { signal: aborted.signal, log: (): void => aborted.abort(new Error('cancelled')) };
  await assert.rejects(ensureNetwork(abortAtDhcp, lab, place));
  assert.equal(
    (await readLinks()).some(({ name }) => name === lab.bridge),
    false,
  );
  assert.deepEqual(await dnsmasqs(), []);
});

test('a TAP is made once, finished when half-made, refused when foreign, removed twice', async () => {
  await ensureNetwork(ctx, lab, place);
  const tap = tapName({ owner, vmid: 100, slot: 'net0' });
  const spec = { tap, bridge: lab.bridge, mac: '6e:6b:00:00:00:01' };
  const find = async (): Promise<object | undefined> => (await readLinks()).find(({ name }) => name === tap);
  await exec(['ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap']);
  await ensureTap(ctx, spec, { owner });
  const made = await find();
  assert.partialDeepStrictEqual(made, { kind: 'tun', alias: interfaceMark(owner, tap), master: lab.bridge, up: true, mac: spec.mac });
  await ensureTap(ctx, spec, { owner });
  assert.deepEqual(await find(), made);
  await assert.rejects(ensureTap(ctx, spec, { owner: 'other123' }), { code: 'network.bridge-exists' });
  await assert.rejects(removeTap(ctx, { tap, owner: 'other123' }), { code: 'network.bridge-exists' });
  assert.deepEqual(await find(), made);
  await removeTap(ctx, { tap, owner });
  await removeTap(ctx, { tap, owner });
  await assert.rejects(ensureTap(ctx, { tap, bridge: 'nk-none' }, { owner }), { code: 'network.failed' });
  assert.equal(await find(), undefined);
});

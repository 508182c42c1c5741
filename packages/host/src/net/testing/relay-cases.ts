import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { readJsonFile } from '../../atomic-file.ts';
import { exec } from '../../exec.ts';
import type { ProcessRef } from '../../process.ts';
import { isAlive, spawnDetached, terminate, waitForExit } from '../../process.ts';
import { waitFor } from '../../wait.ts';
import { allocatePortPair } from '../allocate-port-pair.ts';
import type { NetworkPlace } from '../ensure-network.ts';
import { ensureNetwork, removeNetwork } from '../ensure-network.ts';
import type { HostContext } from '../host-context.ts';
import { readHostNetwork, readLinks } from '../host-network-facts.ts';
import { bridgeMac, tapName } from '../interface-names.ts';
import type { NetworkPlan } from '../plan-network.ts';
import { planNetwork } from '../plan-network.ts';
import type { RelaySpec } from '../relay.ts';
import { ensureRelay, observeRelay, removeRelay } from '../relay.ts';
import { isUdpPortFree } from '../udp-ports.ts';
import { openPort, type FakePort } from './fake-port.ts';
import { arpRequest, echoRequest, isArpReply, isEchoReply } from './frames.ts';
import { createGuestNamespace } from './namespace.ts';

const ctx: HostContext = { signal: new AbortController().signal, log: () => undefined };
const owner = 'test0001';
const vm = { mac: '08:00:27:00:00:01', address: '10.77.0.200' };
const tap = tapName({ owner, vmid: 101, slot: 'net0' });

let folder: string;
let place: NetworkPlace;
let lab: NetworkPlan;
let relay: RelaySpec;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nakhoda-relay-'));
  place = { directory: join(folder, 'kept'), runtimeDirectory: join(folder, 'run'), owner };
  lab = planNetwork({ name: 'lab', cidr: '10.77.0.0/24', dhcp: false, owner }, await readHostNetwork());
  await ensureNetwork(ctx, lab, place);
  relay = { tap, bridge: lab.bridge, ...(await allocatePortPair([])) };
});

afterEach(async () => {
  await removeRelay(ctx, relay, place);
  await removeRelay(ctx, relay, place);
  assert.equal(
    (await readLinks()).some(({ name }) => name === tap),
    false,
  );
  assert.doesNotMatch(await ruleset(), /nakhoda_/);
  assert.equal(await isUdpPortFree(relay.peerPort), true);
});

after(async () => {
  await removeNetwork(ctx, lab, place);
  await rm(folder, { recursive: true });
});

async function ruleset(): Promise<string> {
  return (await exec(['nft', 'list', 'ruleset'])).stdout;
}

async function relayRef(): Promise<ProcessRef> {
  const record = await readJsonFile<{ ref: ProcessRef }>(join(place.runtimeDirectory, `${tap}.relay.json`));
  assert.ok(record);
  return record.ref;
}

/** Frames that came out of the tunnel onto the bridge. */
async function framesIn(): Promise<number> {
  const { stdout } = await exec(['ip', '-j', '-s', 'link', 'show', 'dev', tap]);
  const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[];
  return link?.stats64.rx.packets ?? Number.NaN;
}

/** The VM asks for the gateway's MAC and gets its answer: both directions work. */
async function exchange(port: FakePort): Promise<void> {
  const seen = port.frames.length;
  await port.send(arpRequest({ ...vm, target: lab.gateway }), relay.peerPort);
  const answer = await waitFor(() => port.frames.slice(seen).find(({ data }) => isArpReply(data, lab.gateway)), {
    timeoutMs: 5_000,
    pollMs: 5,
  });
  assert.ok(answer, 'no ARP reply came through the tunnel');
  assert.equal(answer.port, relay.peerPort);
}

test('frames pass both ways, up to the largest, before and after the VM was off', async () => {
  assert.deepEqual(await ensureRelay(ctx, relay, place), { guarded: true });
  assert.deepEqual(await observeRelay(ctx, relay, place), { state: 'up' });
  // Broadcasts into a port that nobody has bound: each is refused.
  await exec(['busybox', 'ping', '-c', '3', '-W', '1', vm.address], { okExitCodes: [1] });
  const { pid } = await relayRef();
  {
    await using port = await openPort(relay.localPort);
    await exchange(port);
    const toMac = bridgeMac(owner, lab.name);
    await port.send(echoRequest({ ...vm, toMac, to: lab.gateway, packetBytes: 1500 }), relay.peerPort);
    // The host asks for the VM's MAC before it answers.
    const reply = await waitFor(
      async () => {
        const asked = port.frames.find(({ data }) => data.readUInt16BE(12) === 0x0806 && data.readUInt16BE(20) === 1);
        if (asked) await port.send(arpReply(), relay.peerPort);
        return port.frames.find(({ data }) => isEchoReply(data, lab.gateway));
      },
      { timeoutMs: 5_000 },
    );
    assert.equal(reply?.data.length, 1514);
  }
  await exec(['busybox', 'ping', '-c', '2', '-W', '1', vm.address], { okExitCodes: [1] });
  await using port = await openPort(relay.localPort);
  await exchange(port);
  assert.equal((await relayRef()).pid, pid);
});

/** "This address is mine", sent to everybody. */
function arpReply(): Buffer {
  const frame = arpRequest({ ...vm, target: vm.address });
  frame.writeUInt16BE(2, 20);
  return frame;
}

test("only the peer's datagrams become frames, with and without the firewall", async () => {
  for (const withFirewall of [true, false]) {
    const outcome = await (withFirewall ? ensureRelay(ctx, relay, place) : withoutNft(() => ensureRelay(ctx, relay, place)));
    assert.equal(outcome.guarded, withFirewall);
    await using port = await openPort(relay.localPort);
    await using stranger = await openPort(0);
    await exchange(port);
    const before = await framesIn();
    for (let sent = 0; sent < 10; sent += 1) {
      await stranger.send(arpRequest({ mac: '02:00:00:00:00:66', address: '10.77.0.201', target: lab.gateway }), relay.peerPort);
    }
    await exchange(port);
    assert.equal((await framesIn()) - before, 1, `a stranger's datagram came through ${withFirewall ? 'with' : 'without'} the firewall`);
    await removeRelay(ctx, relay, place);
  }
});

test("strangers' datagrams to the VM's own port are dropped by the firewall, and reach it without", async () => {
  await ensureRelay(ctx, relay, place);
  await using port = await openPort(relay.localPort);
  await using stranger = await openPort(0);
  await stranger.send(Buffer.from('stranger'), relay.localPort);
  await exchange(port);
  assert.deepEqual(
    port.frames.filter(({ port: from }) => from !== relay.peerPort),
    [],
  );

  await removeRelay(ctx, relay, place);
  const outcome = await withoutNft(() => ensureRelay(ctx, relay, place));
  assert.match(outcome.guarded ? '' : outcome.reason, /nftables is not installed/);
  const observed = await withoutNft(() => observeRelay(ctx, relay, place));
  assert.equal(observed.state, 'degraded');
  await stranger.send(Buffer.from('stranger'), relay.localPort);
  await exchange(port);
  assert.equal(port.frames.filter(({ data }) => data.toString() === 'stranger').length, 1, 'this proves that the guard does it');
});

/** With a PATH on which everything but nft is. */
async function withoutNft<T>(work: () => Promise<T>): Promise<T> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const program of ['ip', 'perl']) {
    const { stdout } = await exec(['sh', '-c', 'command -v "$1"', 'sh', program]);
    await symlink(stdout.trim(), join(bin, program)).catch((error: NodeJS.ErrnoException) => assert.equal(error.code, 'EEXIST'));
  }
  const { PATH } = process.env;
  process.env['PATH'] = bin;
  try {
    return await work();
  } finally {
    process.env['PATH'] = PATH;
  }
}

test("another daemon's guard and the host's own rules stay as they are", async () => {
  const other = { ...relay, tap: tapName({ owner: 'other123', vmid: 101, slot: 'net0' }), localPort: 25_000, peerPort: 25_001 };
  const otherPlace = { ...place, owner: 'other123' };
  await exec(['nft', 'add', 'table', 'inet', 'of_the_host']);
  await ensureRelay(ctx, other, otherPlace);
  const before = await ruleset();
  await ensureRelay(ctx, relay, place);
  await ensureRelay(ctx, relay, place);
  assert.notEqual(await ruleset(), before);
  await removeRelay(ctx, relay, place);
  assert.equal(await ruleset(), before);
  await removeRelay(ctx, other, otherPlace);
  assert.equal((await ruleset()).trim(), 'table inet of_the_host {\n}');
  await exec(['nft', 'delete', 'table', 'inet', 'of_the_host']);
});

test('a dead relay comes back; a lost record, a lost guard and changed ports are set right', async () => {
  await ensureRelay(ctx, relay, place);
  await using port = await openPort(relay.localPort);
  const first = await relayRef();
  process.kill(first.pid, 'SIGKILL');
  await waitForExit(first, { timeoutMs: 5_000 });
  assert.partialDeepStrictEqual(await observeRelay(ctx, relay, place), { state: 'down' });
  const link = (await readLinks()).find(({ name }) => name === tap);
  assert.equal(link?.master, lab.bridge, 'the TAP outlives its relay');
  await ensureRelay(ctx, relay, place);
  await exchange(port);

  const second = await relayRef();
  await rm(join(place.runtimeDirectory, `${tap}.relay.json`));
  await exec(['nft', 'delete', 'table', 'inet', `nakhoda_${owner}`]);
  assert.match((await observeRelay(ctx, relay, place)).reason ?? '', /no firewall rule/);
  await ensureRelay(ctx, relay, place);
  assert.deepEqual(await relayRef(), second);
  assert.deepEqual(await observeRelay(ctx, relay, place), { state: 'up' });

  const moved = { ...relay, ...(await allocatePortPair([relay.localPort, relay.peerPort])) };
  await ensureRelay(ctx, moved, place);
  assert.equal(isAlive(second), false);
  assert.doesNotMatch(await ruleset(), new RegExp(`\\b${relay.peerPort}\\b`));
  await removeRelay(ctx, moved, place);
});

test('a relay that cannot start leaves neither TAP nor guard', async () => {
  await using squatter = await openPort(relay.peerPort);
  await assert.rejects(ensureRelay(ctx, relay, place), { code: 'network.failed', message: /Address already in use/ });
  assert.equal(
    (await readLinks()).some(({ name }) => name === tap),
    false,
  );
  assert.doesNotMatch(await ruleset(), /nakhoda_/);
  assert.equal(squatter.frames.length, 0);
});

test("the host's large TCP segments are cut before the tunnel: 8 MiB arrive whole on a guest behind two relays", async () => {
  await ensureRelay(ctx, relay, place);
  // The far end of the tunnel: the same program the other way round, whose TAP then moves to the guest.
  await using guest = await createGuestNamespace();
  await exec(['ip', 'tuntap', 'add', 'dev', 'far', 'mode', 'tap']);
  const program = fileURLToPath(new URL('../udp-tap-relay.pl', import.meta.url));
  const far = await spawnDetached(['perl', program, 'far', String(relay.localPort), String(relay.peerPort)], {
    logPath: join(folder, 'far.log'),
  });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => terminate(far, { graceMs: 1_000 }));
  // It binds its port last.
  assert.ok(await waitFor(async () => !(await isUdpPortFree(relay.localPort)), { timeoutMs: 5_000 }));
  await exec(['ip', 'link', 'set', 'dev', 'far', 'netns', String(guest.pid)]);
  await guest.run(['ip', 'address', 'add', '10.77.0.210/24', 'dev', 'far']);
  await guest.run(['ip', 'link', 'set', 'dev', 'far', 'up']);

  const bytes = 8 * 1024 * 1024;
  const server = createServer((socket) => socket.end(Buffer.alloc(bytes, 'nakhoda')));
  server.listen(0, lab.gateway);
  await once(server, 'listening');
  stack.defer(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.address() as { port: number };
  const receive = `
    const hash = require('node:crypto').createHash('sha256');
    require('node:net').connect(${port}, '${lab.gateway}').on('data', (data) => hash.update(data)).on('end', () => console.log(hash.digest('hex')));`;
  const received = (await guest.run([process.execPath, '-e', receive], { timeoutMs: 60_000 })).trim();
  assert.equal(received, createHash('sha256').update(Buffer.alloc(bytes, 'nakhoda')).digest('hex'));
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { createClient, type Client } from '@nakhoda/client';
import { countColours, readPng, RfbViewer, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import { NakhodaError, type Task } from '@nakhoda/schema';
import { WebSocket } from 'ws';

import { localGate } from '../../apps/daemon/src/auth/gates.ts';
import { ticketGate } from '../../apps/daemon/src/auth/ticket-gate.ts';
import { createConsoleTickets } from '../../apps/daemon/src/console/console-tickets.ts';
import { mostViewers } from '../../apps/daemon/src/console/seats.ts';
import { taskHandlers } from '../../apps/daemon/src/handlers/task.ts';
import { vmConsoleHandlers } from '../../apps/daemon/src/handlers/vm-console.ts';
import { vmHandlers } from '../../apps/daemon/src/handlers/vm.ts';
import { buildServer } from '../../apps/daemon/src/http/build-server.ts';
import { listenOnSocket } from '../../apps/daemon/src/http/listen-on-socket.ts';
import { openTestCore, type TestCore } from '../../apps/daemon/src/testing/test-core.ts';
import { FakeFaults } from '../../drivers/fake/src/index.ts';
import { openVnc, openWebSocket } from '../support/open-web-socket.ts';
import { stubHandlers } from '../support/stub-server.ts';

// The whole way from a WebSocket to a driver, which is the fake one: what real ones add is in test/e2e.
const faults = new FakeFaults();
let core: TestCore;
let folder = '';
let socketPath = '';
let client: Client;
let server: Awaited<ReturnType<typeof buildServer>>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nkc-'));
  socketPath = join(folder, 's');
  core = await openTestCore({ faults });
  const { services } = core;
  const tickets = createConsoleTickets();
  server = await buildServer({
    handlers: stubHandlers({
      ...vmHandlers(services),
      ...vmConsoleHandlers(services, tickets, { openTimeoutMs: 500 }),
      ...taskHandlers(services),
    }),
    gate: ticketGate(
      localGate,
      tickets,
      (vm) => services.inventory.records().find(({ spec }) => spec.name === vm || String(spec.vmid) === vm)?.spec.vmid ?? null,
    ),
  });
  await listenOnSocket(server, socketPath);
  client = createClient({ socketPath });
  await core.begin();
  for (const name of ['web', 'off']) {
    const begun = await client.call('vm.create', { body: { name, hypervisor: 'fake', start: name === 'web' } });
    const task: Task = await client.followTask(begun.id, () => undefined);
    assert.equal(task.state, 'succeeded', JSON.stringify(task.error));
  }
});
after(async () => {
  await server.close();
  await core[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const ticketFor = (vm: string, kind: 'vnc' | 'serial') => client.call('vm.console-ticket', { params: { vm }, body: { kind } });

test('a ticket opens the screen: handshake, then pixels', async () => {
  const { websocket, kind, expiresAt } = await ticketFor('web', 'vnc');
  assert.equal(kind, 'vnc');
  assert.ok(Date.parse(expiresAt) > Date.now());
  const viewer = await RfbViewer.open(await openVnc(socketPath, websocket), 10);
  const frame = await viewer.frame();
  assert.deepEqual([frame.width, frame.height, countColours(frame)], [64, 48, 3]);
  const again = await viewer.frame();
  assert.ok(again.pixels.equals(frame.pixels));
  viewer.close();
  await assert.rejects(openVnc(socketPath, websocket), /refused with 401/u, 'a second time');
});

test('a ticket opens the serial console', async () => {
  const { websocket } = await ticketFor('web', 'serial');
  const socket = await openWebSocket(socketPath, websocket);
  let output = '';
  socket.on('message', (data: Buffer) => (output += data.toString()));
  socket.resume();
  socket.send(Buffer.from("echo one''-two\r"));
  assert.ok(await waitFor(() => output.includes('one-two'), { timeoutMs: 5000 }), output);
  socket.terminate();
});

test('a screenshot is a PNG, and what is typed arrives', async () => {
  const png = await client.download('vm.screenshot', { params: { vm: 'web' } });
  assert.deepEqual(readPng(png), { width: 64, height: 48, isBlank: false });
  assert.deepEqual(await client.call('vm.type', { params: { vm: 'web' }, body: { text: 'echo Hi >/tmp/x', enter: true } }), {
    pressed: 16,
  });
  assert.deepEqual(await client.call('vm.keys', { params: { vm: 'web' }, body: { keys: ['ctrl-alt-delete', 'a'] } }), { pressed: 2 });
  const ctx = testContext();
  const [vmid] = core.services.inventory.records().map(({ spec }) => spec.vmid);
  assert.ok(vmid);
  const read = async () =>
    Buffer.from(await core.driver.guest.readFile(ctx, { vmid, path: '/tmp/x', maxBytes: 100 }).catch(() => '')).toString();
  assert.equal(await waitFor(async () => (await read()) || null, { timeoutMs: 5000 }), 'Hi\n');
});

test('what cannot be typed is refused by name', async () => {
  const params = { vm: 'web' };
  await assert.rejects(client.call('vm.type', { params, body: { text: 'für' } }), {
    code: 'keyboard.untypable',
    message: /"ü" \(U\+00FC\)/u,
  });
  await assert.rejects(client.call('vm.keys', { params, body: { keys: ['ctrl-alt-entf'] } }), {
    code: 'keyboard.unknown-key',
    message: /entf/u,
  });
  await assert.rejects(client.call('vm.keys', { params, body: { keys: ['ctrl alt'] } }), { code: 'request.invalid' });
});

test('of a VM that does not run there is no ticket, no picture and no key', async () => {
  const params = { vm: 'off' };
  await assert.rejects(ticketFor('off', 'vnc'), { code: 'vm.wrong-state' });
  await assert.rejects(client.download('vm.screenshot', { params }), { code: 'vm.wrong-state' });
  await assert.rejects(client.call('vm.keys', { params, body: { keys: ['a'] } }), { code: 'vm.wrong-state' });
  await assert.rejects(openVnc(socketPath, '/api/v1/vms/off/vnc'), /refused with 409/u);
});

test('a hypervisor whose console is broken is answered before the upgrade', async () => {
  faults.fail('vnc.open', new NakhodaError('console.failed', { message: 'The hop is broken.', hint: 'Mend it.' }), { times: 1 });
  await assert.rejects(openVnc(socketPath, '/api/v1/vms/web/vnc'), /refused with 502/u);
});

test('a hypervisor that hangs is given up; viewers that left meanwhile have given their seats back', async () => {
  faults.hang('vnc.open');
  await assert.rejects(openVnc(socketPath, '/api/v1/vms/web/vnc'), /refused with 504/u);
  const leaving = Array.from({ length: mostViewers }, async () => {
    const socket = new WebSocket(`ws+unix://${socketPath}:/api/v1/vms/web/vnc`);
    socket.on('error', () => undefined);
    setImmediate(() => socket.terminate());
    await new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.all(leaving);
  faults.clear();
  const connection = await waitFor(() => openVnc(socketPath, '/api/v1/vms/web/vnc').catch(() => null), { timeoutMs: 5000 });
  assert.ok(connection, 'there is a seat');
  (await RfbViewer.open(connection, 10)).close();
});

test('only so many viewers sit before one screen', async () => {
  const open = () => openVnc(socketPath, '/api/v1/vms/web/vnc');
  const viewers = [];
  // Those of the tests before may still be on their way out.
  const opened = await waitFor(() => open().catch(() => null), { timeoutMs: 5000 });
  assert.ok(opened);
  viewers.push(opened);
  for (let count = 1; count < mostViewers; count += 1) {
    const next = await waitFor(() => open().catch(() => null), { timeoutMs: 5000 });
    assert.ok(next, `viewer ${count}`);
    viewers.push(next);
  }
  await assert.rejects(open(), /refused with 429/u);
  for (const { stream } of viewers) stream.destroy();
  const next = await waitFor(() => open().catch(() => null), { timeoutMs: 5000 });
  assert.ok(next, 'a seat is free again');
  next.stream.destroy();
});

test('when the VM stops, its viewers are told', async () => {
  const socket = await openWebSocket(socketPath, (await ticketFor('web', 'vnc')).websocket);
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  socket.on('message', (data: Buffer) => {
    if (data.toString('latin1').startsWith('RFB')) socket.send(Buffer.from('RFB 003.008\n'));
    else socket.send(Buffer.from([1]));
  });
  socket.resume();
  const begun = await client.call('vm.stop', { params: { vm: 'web' } });
  await client.followTask(begun.id, () => undefined);
  const [code, reason] = await closed;
  assert.deepEqual([code, reason.toString()], [1000, 'the screen of web has gone']);
});

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { waitFor } from '../wait.ts';
import { SerialHub, type SerialHubSession } from './serial-hub.ts';

/** A serial port's server, as QEMU's: one client, told by `current`. */
async function serve(socketPath: string) {
  const clients: Socket[] = [];
  const server = createServer((client) => {
    client.on('error', () => undefined);
    clients.push(client);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    clients,
    current: (): Socket => clients.at(-1) ?? assert.fail('nobody connected'),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'nakhoda-serial-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

function collect(session: SerialHubSession): () => string {
  let text = '';
  session.onData((data) => {
    text += Buffer.from(data).toString();
  });
  return () => text;
}

test('output goes to all sessions, the backlog and the log; input to the port', async () => {
  await using directory = await folder();
  const socketPath = join(directory.path, 's');
  await using port = await serve(socketPath);
  const hub = new SerialHub({ socketPath, logPath: join(directory.path, 'log'), isAlive: () => false });
  assert.equal(await hub.whenConnected(2_000), true);
  await waitFor(() => port.clients.length === 1, { timeoutMs: 2_000 });
  const first = hub.open();
  const seen = collect(first.session);
  port.current().write('one');
  assert.ok(await waitFor(() => seen() === 'one', { timeoutMs: 2_000 }));
  const second = hub.open();
  assert.equal(Buffer.from(second.backlog).toString(), 'one');
  const alsoSeen = collect(second.session);
  port.current().write('two');
  assert.ok(await waitFor(() => seen() === 'onetwo' && alsoSeen() === 'two', { timeoutMs: 2_000 }));

  let input = '';
  port.current().on('data', (data) => (input += data.toString()));
  first.session.write(Buffer.from('ls\n'));
  assert.ok(await waitFor(() => input === 'ls\n', { timeoutMs: 2_000 }));
  assert.equal(await readFile(join(directory.path, 'log'), 'utf8'), 'onetwo');
  assert.equal((await stat(join(directory.path, 'log'))).mode & 0o777, 0o600);

  let ended = 0;
  first.session.onClose(() => (ended += 1));
  second.session.onClose(() => (ended += 1));
  hub.close();
  hub.close();
  assert.equal(ended, 2);
  assert.equal(hub.sessionCount, 0);
});

test('the hub connects again while the VM lives, and ends with it', async () => {
  await using directory = await folder();
  const socketPath = join(directory.path, 's');
  let alive = true;
  const hub = new SerialHub({ socketPath, logPath: null, isAlive: () => alive, retryMs: 5 });
  assert.equal(await hub.whenConnected(20), false);
  await using port = await serve(socketPath);
  assert.equal(await hub.whenConnected(2_000), true);
  await waitFor(() => port.clients.length === 1, { timeoutMs: 2_000 });
  port.current().destroy();
  assert.ok(await waitFor(() => port.clients.length === 2, { timeoutMs: 2_000 }));
  const { session } = hub.open();
  alive = false;
  port.current().destroy();
  await new Promise<void>((resolve) => session.onClose(resolve));
  assert.equal(hub.closed, true);
});

test('the backlog keeps the last 64 KiB, the log turns over at its limit', async () => {
  await using directory = await folder();
  const socketPath = join(directory.path, 's');
  await using port = await serve(socketPath);
  const logPath = join(directory.path, 'log');
  const hub = new SerialHub({ socketPath, logPath, logMaxBytes: 100_000, isAlive: () => false });
  await waitFor(() => port.clients.length === 1, { timeoutMs: 2_000 });
  port.current().end(Buffer.concat([Buffer.alloc(150_000, 'a'), Buffer.alloc(40_000, 'b')]));
  assert.ok(await waitFor(() => hub.closed, { timeoutMs: 2_000 }));
  assert.equal(hub.backlog.length, 65_536);
  assert.equal(hub.backlog.toString('latin1').lastIndexOf('a'), 25_535);
  const sizes = [(await stat(logPath)).size, (await stat(`${logPath}.1`)).size];
  assert.ok(sizes.every((size) => size <= 100_000 + 65_536));
});

test('a note stands in the output for everybody, so that what was printed before is seen to be over', async () => {
  await using directory = await folder();
  const socketPath = join(directory.path, 's');
  await using port = await serve(socketPath);
  const hub = new SerialHub({ socketPath, logPath: null, isAlive: () => true });
  await hub.whenConnected(2_000);
  await waitFor(() => port.clients.length === 1, { timeoutMs: 2_000 });
  let seen = '';
  hub.open().session.onData((data) => (seen += Buffer.from(data).toString('utf8')));
  port.current().write('tiny# ');
  await waitFor(() => seen === 'tiny# ', { timeoutMs: 2_000 });
  hub.note('the VM was reset');
  assert.equal(seen, 'tiny# \r\n[nakhoda: the VM was reset]\r\n');
  assert.equal(hub.backlog.toString('utf8'), seen);
  hub.close();
  hub.note('nobody is there');
});

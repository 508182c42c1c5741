import assert from 'node:assert/strict';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { localGate } from '../../apps/daemon/src/auth/gates.ts';
import { buildServer } from '../../apps/daemon/src/http/build-server.ts';
import { listenOnSocket } from '../../apps/daemon/src/http/listen-on-socket.ts';
import { startStubServer, stubHandlers } from '../support/stub-server.ts';

async function get(socketPath: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined; body: string }> {
  const sent = request({ socketPath, path: '/api/v1/vms', headers });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, body: await text(answer) };
}

const handlers = { 'vm.list': async () => [] };

test('only its owner may use the socket, and needs no login', async () => {
  const before = process.umask();
  await using stub = await startStubServer(handlers);
  const path = join(stub.data, 'run/nakhoda.sock');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(process.umask(), before, 'the umask is as it was');
  assert.deepEqual(await get(path), { status: 200, body: '[]' });
});

test('a page that is passed on to the socket is no administrator', async () => {
  await using stub = await startStubServer(handlers);
  assert.equal((await get(join(stub.data, 'run/nakhoda.sock'), { origin: 'https://evil.test' })).status, 403);
});

test('the socket of a killed daemon is replaced, one that answers is not', async () => {
  await using stub = await startStubServer(handlers);
  const second = await buildServer({ handlers: stubHandlers(handlers), gate: localGate });
  await assert.rejects(listenOnSocket(second, join(stub.data, 'run/nakhoda.sock')), { code: 'daemon.already-running' });
  const left = join(stub.data, 'left.sock');
  await writeFile(left, '');
  await listenOnSocket(second, left);
  assert.equal((await get(left)).status, 200);
  await second.close();
});

test('a path that is too long for a socket is refused with the reason', async () => {
  const server = await buildServer({ handlers: stubHandlers(), gate: localGate });
  await assert.rejects(listenOnSocket(server, `/tmp/${'x'.repeat(110)}`), { code: 'setup.failed', message: /107 bytes/u });
  await server.close();
});

test('a socket of another program is not taken away', async () => {
  await using stub = await startStubServer(handlers);
  const path = join(stub.data, 'other.sock');
  const other = createServer().listen(path);
  await once(other, 'listening');
  const server = await buildServer({ handlers: stubHandlers(), gate: localGate });
  await assert.rejects(listenOnSocket(server, path), { code: 'daemon.already-running' });
  await server.close();
  other.close();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { createClient, type Client } from './client.ts';

/** Runs `work` with a client of a server that answers as given, on a Unix socket. */
async function withServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nkl-'));
  const socketPath = join(folder, 's');
  const server = createServer((request, response) => void answer(request, response)).listen(socketPath);
  try {
    await once(server, 'listening');
    await work(createClient({ socketPath }));
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const json = (response: ServerResponse, value: unknown, status = 200) => response.writeHead(status).end(JSON.stringify(value));
const task = (state: string) => ({ id: 't1', state, steps: [], error: null });

test('a call is sent as the table says', () =>
  withServer(
    async (request, response) => void json(response, { method: request.method, url: request.url, body: await text(request) }),
    async (client) => {
      const list = await client.call('vm.list', { query: { hypervisor: 'qemu', limit: 5 } });
      assert.deepEqual(list, { method: 'GET', url: '/api/v1/vms?hypervisor=qemu&limit=5', body: '' });
      const rollback = await client.call('snapshot.rollback', { params: { vm: 'web', name: 'a b/../c' } });
      assert.deepEqual(rollback, { method: 'POST', url: '/api/v1/vms/web/snapshots/a%20b%2F..%2Fc/rollback', body: '' });
      const created = await client.call('network.create', { body: { name: 'lab', cidr: '10.0.0.0/24' } });
      assert.deepEqual(created, { method: 'POST', url: '/api/v1/networks', body: '{"name":"lab","cidr":"10.0.0.0/24"}' });
    },
  ));

test('an error answer is thrown with its code, and an internal one names its request', () =>
  withServer(
    (request, response) =>
      void json(
        response,
        { code: request.url === '/api/v1/vms' ? 'internal' : 'vm.not-found', message: 'No.', hint: 'Look.', requestId: 'r1' },
        500,
      ),
    async (client) => {
      await assert.rejects(client.call('vm.show', { params: { vm: 'x' } }), {
        name: 'NakhodaError',
        code: 'vm.not-found',
        message: 'No.',
        hint: 'Look.',
      });
      await assert.rejects(client.call('vm.list'), { code: 'internal', hint: 'Look. Its request id is r1.' });
    },
  ));

test('an answer that is not of this API is told as such', () =>
  withServer(
    (request, response) => void response.writeHead(request.method === 'GET' ? 200 : 502).end('<html>'),
    async (client) => {
      await assert.rejects(client.call('vm.list'), { code: 'internal', message: /not the API/u });
      await assert.rejects(client.call('system.stop'), { code: 'internal', message: /not the API/u });
    },
  ));

test('lines of a stream come as they are sent, however they are cut', () =>
  withServer(
    (_request, response) => {
      const bytes = Buffer.from('{"stream":"stdout","data":"é"}\n{"exitCode":3}');
      response.write(bytes.subarray(0, 27));
      setImmediate(() => response.end(bytes.subarray(27)));
    },
    async (client) => {
      const lines = await Array.fromAsync(client.stream('vm.exec', { params: { vm: 'x' }, body: { argv: ['a'] } }));
      assert.deepEqual(lines, [{ stream: 'stdout', data: 'é' }, { exitCode: 3 }]);
    },
  ));

test('an error inside a stream, or its break, is thrown from the iteration', () =>
  withServer(
    (request, response) => {
      response.write('{"exitCode":3}\n');
      if (request.url?.includes('broken')) setImmediate(() => response.destroy());
      else response.end('{"error":{"code":"guest.timeout","message":"Silent.","hint":"Wait."}}\n');
    },
    async (client) => {
      const read = (vm: string) => Array.fromAsync(client.stream('vm.exec', { params: { vm }, body: { argv: ['a'] } }));
      await assert.rejects(read('web'), { code: 'guest.timeout', message: 'Silent.' });
      await assert.rejects(read('broken'), { code: 'daemon.unreachable' });
    },
  ));

test('a task is followed to its end over a daemon that goes away in between, each log line told once', async () => {
  let connections = 0;
  await withServer(
    (_request, response) => {
      connections += 1;
      const log = (seq: number) => `${JSON.stringify({ log: { seq, at: '', line: `line ${seq}` } })}\n`;
      response.write(`${JSON.stringify({ task: task('running') })}\n${log(1)}`);
      if (connections === 1) setImmediate(() => response.destroy());
      else if (connections === 2) response.end();
      else response.end(`${log(2)}${JSON.stringify({ task: task('succeeded') })}\n`);
    },
    async (client) => {
      const told: string[] = [];
      const ended = await client.followTask('t1', (update) => told.push('log' in update ? update.log.line : update.task.state));
      assert.equal(ended.state, 'succeeded');
      assert.deepEqual(
        told.filter((one) => one.startsWith('line')),
        ['line 1', 'line 2'],
      );
      assert.equal(connections, 3);
    },
  );
});

test('events are read, and the last one that was seen is named', () =>
  withServer(
    (request, response) => {
      const id = Number(request.headers['last-event-id']) + 1;
      response.end(`retry: 2000\n\n: keep-alive\n\nid: ${id}\ndata: {"id":${id},"type":"resync"}\n\n`);
    },
    async (client) => {
      assert.deepEqual(await Array.fromAsync(client.events({ lastEventId: 41 })), [{ id: 42, type: 'resync' }]);
    },
  ));

test('without a daemon the error says how to start one', async () => {
  const client = createClient({ socketPath: join(tmpdir(), 'nakhoda-none.sock') });
  await assert.rejects(client.call('vm.list'), { code: 'daemon.unreachable', hint: /\.\/nakhoda up --detach/u });
  await assert.rejects(client.openConsole('web'), { code: 'daemon.unreachable' });
});

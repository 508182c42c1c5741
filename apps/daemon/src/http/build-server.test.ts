import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import { NakhodaError, endpoints, type EndpointId, type NakhodaEvent, type TaskFollowLine } from '@nakhoda/schema';
import type { FastifyInstance } from 'fastify';

import { localGate } from '../auth/gates.ts';
import { buildServer } from './build-server.ts';
import type { Handlers } from './handlers.ts';

async function withServer(handlers: Partial<Handlers>, work: (port: number, server: FastifyInstance) => Promise<void>): Promise<void> {
  const none = Object.fromEntries(Object.keys(endpoints).map((id) => [id, () => Promise.reject(new Error('secret detail'))])) as Record<
    EndpointId,
    never
  >;
  const server = await buildServer({ handlers: { ...none, ...handlers }, gate: localGate });
  try {
    await server.listen({ host: '127.0.0.1', port: 0 });
    await work((server.server.address() as AddressInfo).port, server);
  } finally {
    await server.close();
  }
}

async function open(port: number, path: string, method = 'GET'): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, path: `/api/v1${path}`, method, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

const line = (text: string): TaskFollowLine => ({ log: { seq: 1, at: '2026-01-02T03:04:05.678Z', line: text } });

test('a stream stops when its reader leaves, and is not produced faster than it is read', async () => {
  const seen = { produced: 0, aborted: false, closed: false };
  async function* produce(signal: AbortSignal): AsyncGenerator<TaskFollowLine> {
    signal.addEventListener('abort', () => (seen.aborted = true));
    try {
      for (;;) {
        seen.produced += 1;
        yield line('x'.repeat(100_000));
      }
    } finally {
      seen.closed = true;
    }
  }
  await withServer({ 'task.follow': async ({ signal }) => produce(signal) }, async (port) => {
    const answer = await open(port, '/tasks/t1/follow');
    assert.equal(answer.headers['content-type'], 'application/x-ndjson');
    // The kernel's and Node's buffers fill; then nothing is asked for any more.
    let before = -1;
    await waitFor(
      () => {
        const isStill = seen.produced === before;
        before = seen.produced;
        return isStill;
      },
      { timeoutMs: 10_000, pollMs: 200 },
    );
    assert.ok(seen.produced > 1 && seen.produced < 1000, `${seen.produced} lines`);
    answer.destroy();
    assert.ok(await waitFor(() => seen.aborted && seen.closed, { timeoutMs: 5000 }), JSON.stringify(seen));
  });
});

test('the headers of an event stream come before its first event, and closing the server ends it', async () => {
  async function* silent(signal: AbortSignal): AsyncGenerator<NakhodaEvent> {
    await once(signal, 'abort');
    yield* [];
  }
  await withServer({ events: async ({ signal }) => silent(signal) }, async (port, server) => {
    const answer = await open(port, '/events');
    assert.equal(answer.headers['content-type'], 'text/event-stream');
    assert.equal(answer.headers['cache-control'], 'no-store');
    const [first] = (await once(answer, 'data')) as [Buffer];
    assert.equal(first.toString(), 'retry: 2000\n\n');
    const ended = once(answer, 'end');
    answer.resume();
    await server.close();
    await ended;
  });
});

test('a stream that is refused before it begins has its own status', () =>
  withServer(
    {
      'task.follow': async () => {
        throw new NakhodaError('task.not-found', { message: 'There is no task t1.', hint: 'List them.' });
      },
    },
    async (port) => {
      const answer = await open(port, '/tasks/t1/follow');
      assert.equal(answer.statusCode, 404);
      assert.match(await text(answer), /task\.not-found/u);
    },
  ));

test('a page that carries all in itself may have styles, but no script', () =>
  withServer({ 'lab.report-page': async () => '<!doctype html>' }, async (port) => {
    const answer = await open(port, '/lab/runs/t1/report.html');
    assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
    assert.match(String(answer.headers['content-security-policy']), /^default-src 'none'; style-src 'unsafe-inline';/u);
    assert.equal(await text(answer), '<!doctype html>');
  }));

test('a defect is told with its request id, and the id is the only way to more', () =>
  withServer({}, async (port) => {
    const answer = await open(port, '/system/stop', 'POST');
    assert.equal(answer.statusCode, 500);
    const error = JSON.parse(await text(answer)) as Record<string, string>;
    assert.equal(error['code'], 'internal');
    assert.equal(error['requestId'], answer.headers['x-request-id']);
    assert.ok(!JSON.stringify(error).includes('secret detail'));
  }));

test('a task that could not be begun because of another one names that', () =>
  withServer(
    {
      'vm.start': async () => {
        throw new NakhodaError('vm.wrong-state', { message: 'It stops.', hint: 'Wait.', details: { taskId: 't9' } });
      },
    },
    async (port) => {
      const error = JSON.parse(await text(await open(port, '/vms/web/start', 'POST'))) as Record<string, string>;
      assert.equal(error['taskId'], 't9');
    },
  ));

test('bytes that are not HTTP are refused in our form', () =>
  withServer({}, async (port) => {
    const socket = connect(port, '127.0.0.1');
    socket.write('\u0016\u0003\u0001nonsense\r\n\r\n');
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/u);
    assert.match(answer, /"code":"request\.invalid"/u);
  }));

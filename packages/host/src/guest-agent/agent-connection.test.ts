import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';

import { AgentConnection } from './agent-connection.ts';

interface Request {
  execute: string;
  arguments?: Record<string, unknown>;
}

/** An agent's end of the channel; `answer` writes what it likes. Synchronising works unless it is told otherwise. */
async function fakeAgent(answer: (client: Socket, request: Request) => void, sync: 'good' | 'stale-first' | 'silent' = 'good') {
  const directory = await mkdtemp(join(tmpdir(), 'nakhoda-agent-'));
  const socketPath = join(directory, 's');
  const clients = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => undefined);
    let rest = '';
    client.on('data', (data) => {
      const lines = (rest + data.toString('latin1').replaceAll('\xff', '')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const request = JSON.parse(line) as Request;
        requests.push(request.execute);
        if (request.execute !== 'guest-sync-delimited') answer(client, request);
        else if (sync !== 'silent') {
          if (sync === 'stale-first') client.write('{"return": {"old": 1}}\nnoise\n{"return": 12');
          client.write(Buffer.of(0xff));
          client.write(`{"return": ${String(request.arguments?.['id'])}}\n`);
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const connection = new AgentConnection({ socketPath, maxAnswerBytes: 1000 });
  return {
    connection,
    requests,
    clients,
    [Symbol.asyncDispose]: async () => {
      connection.close();
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}

const limit = { timeoutMs: 2_000 };

test('it synchronises once, then asks', async () => {
  await using agent = await fakeAgent((client, request) => client.write(`{"return": "${request.execute}"}\n`), 'stale-first');
  assert.deepEqual(await Promise.all([agent.connection.call('a', undefined, limit), agent.connection.call('b', { x: 1 }, limit)]), [
    'a',
    'b',
  ]);
  assert.deepEqual(agent.requests, ['guest-sync-delimited', 'a', 'b']);
});

test('a refusal carries the reason of the agent', async () => {
  await using agent = await fakeAgent((client) => client.write('{"error": {"class": "GenericError", "desc": "no such file"}}\n'));
  await assert.rejects(agent.connection.call('a', undefined, limit), { message: 'no such file' });
});

test('a late answer is not taken for the next one', async () => {
  let late: Socket | null = null;
  await using agent = await fakeAgent((client, request) => {
    if (request.execute === 'slow') late = client;
    else client.write('{"return": "quick"}\n');
  });
  await assert.rejects(agent.connection.call('slow', undefined, { timeoutMs: 30 }), { code: 'guest.timeout' });
  assert.ok(late);
  (late as Socket).write('{"return": "slow"}\n');
  assert.equal(await agent.connection.call('quick', undefined, limit), 'quick');
  assert.deepEqual(agent.requests, ['guest-sync-delimited', 'slow', 'guest-sync-delimited', 'quick']);
});

test('a silent agent blocks nobody longer than the own limit', async () => {
  await using agent = await fakeAgent(() => undefined, 'silent');
  const began = performance.now();
  const calls = [1, 2, 3, 4].map(() => agent.connection.call('a', undefined, { timeoutMs: 50 }));
  await Promise.all(calls.map((call) => assert.rejects(call, { code: 'guest.no-agent' })));
  assert.ok(performance.now() - began < 1_000);
});

test('a request that takes long holds up no other for longer than that one likes', async () => {
  await using agent = await fakeAgent(() => undefined);
  const long = agent.connection.call('slow', undefined, { timeoutMs: 600 });
  const began = performance.now();
  await Promise.all([
    assert.rejects(agent.connection.call('a', undefined, { timeoutMs: 50 }), { code: 'guest.no-agent', message: /busy/ }),
    assert.rejects(agent.connection.call('b', undefined, { ...limit, signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' }),
  ]);
  assert.ok(performance.now() - began < 500, 'they waited for the first');
  await assert.rejects(long, { code: 'guest.timeout' });
  assert.deepEqual(agent.requests, ['guest-sync-delimited', 'slow'], 'what was given up is not sent later');
});

test('what comes unasked is no answer, and a flood ends the connection', async () => {
  await using agent = await fakeAgent((client, request) => client.write(`{"return": "${request.execute}"}\n`));
  assert.equal(await agent.connection.call('a', undefined, limit), 'a');
  const [client] = agent.clients;
  assert.ok(client);
  await new Promise((resolve) => client.write('{"return": "unasked"}\n{"retu', resolve));
  // It is in the kernel now, so the event loop's next look at its sockets takes it.
  for (let round = 0; round < 2; round += 1) await new Promise(setImmediate);
  assert.equal(await agent.connection.call('b', undefined, limit), 'b');
  const gone = once(client, 'close');
  for (let line = 0; line < 200; line += 1) client.write('{"return": "flood"}\n');
  await gone;
  assert.equal(agent.connection.connected, false);
  assert.equal(await agent.connection.call('c', undefined, limit), 'c');
});

test('endless lines that are no answers end the call, not the client', async () => {
  await using agent = await fakeAgent((client) => {
    const flood = (): void => {
      if (client.writable) client.write('not JSON\n'.repeat(10), flood);
    };
    flood();
  });
  await assert.rejects(agent.connection.call('a', undefined, limit), { code: 'guest.no-agent', message: /more than an answer can have/ });
});

test('an abort ends a call with its reason', async () => {
  await using agent = await fakeAgent(() => undefined);
  const call = agent.connection.call('a', undefined, { ...limit, signal: AbortSignal.timeout(30) });
  await assert.rejects(call, { name: 'TimeoutError' });
});

test('an answer over the limit, or none at all, ends the call and not the client', async () => {
  let bad = true;
  await using agent = await fakeAgent((client, request) => {
    if (!bad) client.write('{"return": 1}\n');
    else if (request.execute === 'huge') client.write('x'.repeat(2000));
    else client.destroy();
  });
  await assert.rejects(agent.connection.call('huge', undefined, limit), {
    code: 'guest.no-agent',
    message: /more than an answer can have/,
  });
  await assert.rejects(agent.connection.call('hangup', undefined, limit), { code: 'guest.no-agent' });
  bad = false;
  assert.equal(await agent.connection.call('a', undefined, limit), 1);
});

test('nobody at the other end', async () => {
  const connection = new AgentConnection({ socketPath: join(tmpdir(), 'nakhoda-no-such-socket') });
  await assert.rejects(connection.call('a', undefined, limit), { code: 'guest.no-agent' });
});

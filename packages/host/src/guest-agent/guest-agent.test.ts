import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { createGuestAgent } from './guest-agent.ts';

/** An agent whose answers `answer` gives as JSON; undefined for none. */
async function fakeAgent(answer: (name: string, client: Socket) => unknown) {
  const directory = await mkdtemp(join(tmpdir(), 'nakhoda-agent-'));
  const socketPath = join(directory, 's');
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => undefined);
    let rest = '';
    client.on('data', (data) => {
      const lines = (rest + data.toString('latin1').replaceAll('\xff', '')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const { execute, arguments: args } = JSON.parse(line) as { execute: string; arguments?: { id?: number } };
        const result = execute === 'guest-sync-delimited' ? { return: args?.id } : answer(execute, client);
        if (execute === 'guest-sync-delimited') client.write(Buffer.of(0xff));
        if (result !== undefined) client.write(`${JSON.stringify(result)}\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const agent = createGuestAgent({ socketPath, channel: 'virtio' });
  return {
    agent,
    [Symbol.asyncDispose]: async () => {
      agent.close();
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}

test('a guest that goes at once was asked to', async () => {
  await using fake = await fakeAgent((name, client) => {
    if (name === 'guest-shutdown') client.destroy();
    return undefined;
  });
  await fake.agent.shutdown({});
});

test('a refusal has a code of its own, and what the agent does not know is left out of its facts', async () => {
  const refusal = { error: { class: 'CommandNotFound', desc: 'The command has not been found\u001b[31m' } };
  await using fake = await fakeAgent((name) => (name === 'guest-get-host-name' ? { return: { 'host-name': 'web' } } : refusal));
  await assert.rejects(fake.agent.shutdown({}), {
    code: 'guest.refused',
    message: 'The guest agent refused: The command has not been found[31m.',
  });
  await assert.rejects(fake.agent.freeze({}), { code: 'guest.refused' });
  const facts = await fake.agent.facts({});
  assert.deepEqual([facts.hostname, facts.osInfo, facts.frozen], ['web', null, null]);
});

test('permissions that cannot be set are an error before there is content', async () => {
  const written: string[] = [];
  await using fake = await fakeAgent((name) => {
    if (name === 'guest-file-write') written.push(name);
    if (name === 'guest-file-open') return { return: 1000 };
    if (name === 'guest-exec') return { return: { pid: 7 } };
    if (name === 'guest-exec-status')
      return { return: { 'exited': true, 'exitcode': 1, 'err-data': Buffer.from('chmod: no such mode').toString('base64') } };
    return { return: {} };
  });
  const attempt = fake.agent.writeFile({ path: '/a', data: Buffer.from('secret'), mode: '0600' });
  await assert.rejects(attempt, { code: 'guest.file-failed', message: /chmod: no such mode/ });
  assert.deepEqual(written, []);
});

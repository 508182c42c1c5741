import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';
import { WebSocket } from 'ws';

import { startSecureServer, type SecureServer } from '../support/secure-server.ts';

let secure: SecureServer;
let host = '';
let attached = 0;
before(async () => {
  secure = await startSecureServer({
    handlers: {
      'vm.console': async ({ params }) => {
        if (params.vm === 'nobody')
          throw new NakhodaError('vm.not-found', { message: 'There is no VM called nobody.', hint: 'List them.' });
        return (socket) => {
          attached += 1;
          socket.send(Buffer.from('hello'));
        };
      },
    },
  });
  await secure.server.listen({ host: '127.0.0.1', port: 0 });
  host = `127.0.0.1:${(secure.server.server.address() as AddressInfo).port}`;
});
after(() => secure[Symbol.asyncDispose]());

/** The status that an attempt is answered with: 101 when it is let in. */
async function attempt(headers: Record<string, string>, vm = 'web'): Promise<number> {
  const socket = new WebSocket(`ws://${host}/api/v1/vms/${vm}/console`, { headers });
  socket.on('error', () => undefined);
  const status = await new Promise<number>((resolve) => {
    socket.once('unexpected-response', (_request, answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    socket.once('message', () => resolve(101));
  });
  if (status === 101) {
    socket.close();
    await once(socket, 'close');
  }
  return status;
}

test('a console opens for a session from our own page, and for a bearer token', async () => {
  const cookie = `nakhoda_session=${(await secure.openSession()).secret}`;
  assert.equal(await attempt({ cookie, origin: `https://${host}` }), 101);
  const { token } = await secure.login.createToken('ci');
  assert.equal(await attempt({ authorization: `Bearer ${token}` }), 101);
});

test('a page of another site cannot open one, even with the cookie; nor can a cookie without a page', async () => {
  const cookie = `nakhoda_session=${(await secure.openSession()).secret}`;
  const before = attached;
  for (const origin of ['https://evil.test', 'null', `http://${host}`, 'https://127.0.0.1'])
    assert.equal(await attempt({ cookie, origin }), 403, origin);
  assert.equal(await attempt({ cookie }), 403);
  assert.equal(await attempt({}), 401);
  assert.equal(await attempt({ origin: `https://${host}` }), 401);
  assert.equal(attached, before, 'no console was touched');
});

test('a refusal comes before the upgrade, with its own status', async () => {
  const { token } = await secure.login.createToken('ci');
  const headers = { authorization: `Bearer ${token}` };
  assert.equal(await attempt(headers, 'nobody'), 404);
  assert.equal(await attempt(headers, '..%2f..'), 400);
});

test('an upgrade on an address that is no WebSocket is not a way around the gate', async () => {
  const socket = new WebSocket(`ws://${host}/api/v1/tokens`);
  socket.on('error', () => undefined);
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }];
  answer.resume();
  assert.equal(answer.statusCode, 401);
});

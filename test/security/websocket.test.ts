import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import { attemptUpgrade } from '../support/attempt-upgrade.ts';
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
async function attempt(headers: Record<string, string>, path = '/vms/web/console'): Promise<number> {
  return (await attemptUpgrade(Number(host.split(':')[1]), path, { host, ...headers })).status;
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
  assert.equal(await attempt(headers, '/vms/nobody/console'), 404);
  assert.equal(await attempt(headers, '/vms/..%2f../console'), 400);
});

test('a client that does not answer the goodbye does not keep the server from closing', { timeout: 10_000 }, async () => {
  const other = await startSecureServer({ handlers: { 'vm.console': async () => () => undefined } });
  await other.server.listen({ host: '127.0.0.1', port: 0 });
  const { token } = await other.login.createToken('ci');
  const { port } = other.server.server.address() as AddressInfo;
  const silent = connect(port, '127.0.0.1');
  const handshake = [
    'GET /api/v1/vms/web/console HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Authorization: Bearer ${token}`,
  ];
  silent.write(`${handshake.join('\r\n')}\r\n\r\n`);
  const [answer] = (await once(silent, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 101 /u);
  await other.server.close();
  silent.destroy();
});

test('an upgrade on an address that is no WebSocket is not a way around the gate', async () => {
  assert.equal(await attempt({}, '/tokens'), 401);
  assert.equal(await attempt({}, '/nothing'), 401);
});

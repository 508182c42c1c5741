import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';

import { createClient } from '@nakhoda/client';

import { ensureCertificate, type ServerCertificate } from '../../apps/daemon/src/auth/certificate.ts';
import { loginGate } from '../../apps/daemon/src/auth/gates.ts';
import { createLogin, type Login } from '../../apps/daemon/src/auth/login.ts';
import { sessionHandlers } from '../../apps/daemon/src/auth/session-handlers.ts';
import { buildServer } from '../../apps/daemon/src/http/build-server.ts';
import { listenOnTls } from '../../apps/daemon/src/http/listen-on-tls.ts';
import { memoryAuthStore } from '../support/secure-server.ts';
import { stubHandlers } from '../support/stub-server.ts';

let folder: string;
let certificate: ServerCertificate;
let login: Login;
let server: Awaited<ReturnType<typeof makeServer>>;
let url: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nkt-'));
  certificate = await ensureCertificate({ folder });
  login = await createLogin({ store: memoryAuthStore() });
  server = await makeServer();
  url = await listenOnTls(server, { host: '127.0.0.1', port: 0 });
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function makeServer() {
  const handlers = stubHandlers({
    ...sessionHandlers(login),
    'vm.console': async () => (socket) => void socket.on('message', (data) => socket.send(data)),
  });
  return buildServer({ handlers, gate: loginGate(login), tls: certificate });
}

test('a client that knows the certificate calls over HTTPS with its token, and opens a console', async () => {
  const { token } = await login.createToken('ci');
  const client = createClient({ url, token, ca: certificate.cert });
  assert.equal((await client.call('session.show')).user, 'admin!ci');
  const socket = await client.openConsole('web');
  const answer = once(socket, 'message') as Promise<[Buffer]>;
  socket.resume();
  socket.send(Buffer.from('hello'));
  assert.equal((await answer)[0].toString(), 'hello');
  socket.close();
  await once(socket, 'close');
});

test('a client that does not know the certificate sends nothing', async () => {
  const client = createClient({ url, token: 'nkh_secret' });
  await assert.rejects(client.call('session.show'), { code: 'daemon.unreachable', message: /not trusted/u });
  await assert.rejects(client.openConsole('web'), { code: 'daemon.unreachable', message: /not trusted/u });
});

test('the fingerprint is the one that a browser shows, and old TLS is refused', async () => {
  const port = Number(new URL(url).port);
  const open = (options: object): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => resolve(socket));
      socket.once('error', reject);
    });
  const socket = await open({});
  assert.equal(socket.getPeerX509Certificate()?.fingerprint256, certificate.fingerprint);
  socket.destroy();
  await assert.rejects(open({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }));
});

test('a port that is taken is told with the reason', async () => {
  const second = await makeServer();
  await assert.rejects(listenOnTls(second, { host: '127.0.0.1', port: Number(new URL(url).port) }), {
    code: 'setup.failed',
    message: /another program has it/u,
  });
  await second.close();
});

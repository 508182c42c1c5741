import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { openFileAuthStore } from '../../apps/daemon/src/auth/file-auth-store.ts';
import { startSecureServer, type SecureServer } from '../support/secure-server.ts';

const host = 'nakhoda.test:8006';
const origin = `https://${host}`;
const hour = 3_600_000;

async function logIn({ server, user, password }: SecureServer, credentials: object = {}) {
  return server.inject({ method: 'POST', url: '/api/v1/session', headers: { host, origin }, payload: { user, password, ...credentials } });
}

async function statusOf(secure: SecureServer, cookie: string): Promise<number> {
  return (await secure.server.inject({ method: 'GET', url: '/api/v1/session', headers: { cookie } })).statusCode;
}

const code = (answer: { json(): unknown }) => (answer.json() as { code?: string }).code;

test('the login gives a cookie that scripts and other sites cannot have, and a CSRF token', async () => {
  await using secure = await startSecureServer();
  const answer = await logIn(secure);
  assert.equal(answer.statusCode, 200);
  const header = String(answer.headers['set-cookie']);
  assert.match(header, /^nakhoda_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/u);
  const { user, csrfToken } = answer.json<{ user: string; csrfToken: string }>();
  assert.equal(user, 'admin');
  assert.match(csrfToken, /^[A-Za-z0-9_-]{43}$/u);
  assert.ok(!header.includes(csrfToken));
  assert.equal(answer.headers['strict-transport-security'], undefined);
});

test('a change needs the CSRF token of its own session', async () => {
  await using secure = await startSecureServer();
  const one = await secure.openSession();
  const other = await secure.openSession();
  const change = (headers: Record<string, string>) =>
    secure.server.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      headers: { host, cookie: `nakhoda_session=${one.secret}`, ...headers },
      payload: { name: 'ci' },
    });
  for (const headers of [{}, { 'x-csrf-token': '' }, { 'x-csrf-token': 'wrong' }, { 'x-csrf-token': other.csrfToken }]) {
    const answer = await change(headers);
    assert.equal(answer.statusCode, 403, JSON.stringify(headers));
    assert.equal(code(answer), 'auth.csrf');
  }
  const right = { 'x-csrf-token': one.csrfToken };
  assert.equal((await change(right)).statusCode, 200);
  assert.equal((await change({ ...right, origin })).statusCode, 200);
  for (const foreign of [
    'https://evil.test',
    'null',
    'http://nakhoda.test:8006',
    'https://nakhoda.test:8006.evil.test',
    'https://nakhoda.test',
  ]) {
    assert.equal((await change({ ...right, origin: foreign })).statusCode, 403, foreign);
  }
  assert.equal((await change({ ...right, 'sec-fetch-site': 'cross-site' })).statusCode, 403);
  assert.equal((await change({ ...right, 'sec-fetch-site': 'same-site' })).statusCode, 403);
  assert.equal((await change({ ...right, 'sec-fetch-site': 'same-origin', origin })).statusCode, 200);
});

test('another site cannot log somebody in', async () => {
  await using secure = await startSecureServer();
  const { user, password } = secure;
  const answer = await secure.server.inject({
    method: 'POST',
    url: '/api/v1/session',
    headers: { host, origin: 'https://evil.test' },
    payload: { user, password },
  });
  assert.equal(answer.statusCode, 403);
  assert.equal(answer.headers['set-cookie'], undefined);
});

test('logging out ends the session at once', async () => {
  await using secure = await startSecureServer();
  const session = await secure.openSession();
  const cookie = `nakhoda_session=${session.secret}`;
  const answer = await secure.server.inject({
    method: 'DELETE',
    url: '/api/v1/session',
    headers: { cookie, 'x-csrf-token': session.csrfToken },
  });
  assert.equal(answer.statusCode, 200);
  assert.match(String(answer.headers['set-cookie']), /^nakhoda_session=; .*Max-Age=0$/u);
  assert.equal(await statusOf(secure, cookie), 401);
});

test('a session ends after 8 idle hours, and after 7 days however busy', async () => {
  await using secure = await startSecureServer();
  const idle = `nakhoda_session=${(await secure.openSession()).secret}`;
  const busy = `nakhoda_session=${(await secure.openSession()).secret}`;
  secure.advance(7 * hour);
  assert.equal(await statusOf(secure, busy), 200);
  secure.advance(hour);
  assert.equal(await statusOf(secure, idle), 401);
  for (let passed = 8; passed < 7 * 24; passed += 4) {
    assert.equal(await statusOf(secure, busy), 200, `after ${passed} hours`);
    secure.advance(4 * hour);
  }
  assert.equal(await statusOf(secure, busy), 401);
});

test('sessions, tokens and the password survive a restart; no secret is on the disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nka-'));
  try {
    const path = join(folder, 'auth.json');
    const before = await startSecureServer({ store: await openFileAuthStore(path) });
    const session = await before.openSession();
    const { token } = await before.login.createToken('ci');
    await before.server.close();
    const text = await readFile(path, 'utf8');
    for (const secret of [before.password, session.secret, session.csrfToken, token, token.slice(4)]) assert.ok(!text.includes(secret));
    assert.equal((await stat(path)).mode & 0o777, 0o600);

    await using after = await startSecureServer({ store: await openFileAuthStore(path) });
    assert.equal(after.password, '', 'no second password is made');
    assert.equal(await statusOf(after, `nakhoda_session=${session.secret}`), 200);
    assert.equal(after.login.tokenPrincipal(token)?.user, 'admin!ci');
    assert.equal((await logIn(after, { password: before.password })).statusCode, 200);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a bearer token works without CSRF token until it is revoked', async () => {
  await using secure = await startSecureServer();
  const { id, token } = await secure.login.createToken('ci');
  const headers = { authorization: `Bearer ${token}` };
  const shown = await secure.server.inject({ method: 'GET', url: '/api/v1/session', headers });
  assert.equal(shown.json<{ user: string }>().user, 'admin!ci');
  const made = await secure.server.inject({ method: 'POST', url: '/api/v1/tokens', headers, payload: { name: 'second' } });
  assert.equal(made.statusCode, 200);
  const listed = await secure.server.inject({ method: 'GET', url: '/api/v1/tokens', headers });
  assert.ok(!listed.body.includes('nkh_'));
  assert.equal((await secure.server.inject({ method: 'DELETE', url: `/api/v1/tokens/${id}`, headers })).statusCode, 200);
  const after = await secure.server.inject({ method: 'GET', url: '/api/v1/session', headers });
  assert.equal(after.statusCode, 401);
});

test('guessing is slowed down, also for an unknown user and with a header that claims another address', async () => {
  await using secure = await startSecureServer();
  for (const user of ['admin', 'nobody']) {
    await using guessed = await startSecureServer();
    for (let guess = 1; guess <= 5; guess += 1) {
      const answer = await logIn(guessed, { user, password: `guess ${guess}` });
      assert.equal(answer.statusCode, 401);
      assert.equal(code(answer), 'auth.bad-credentials');
    }
    const early = await guessed.server.inject({
      method: 'POST',
      url: '/api/v1/session',
      headers: { host, 'x-forwarded-for': '203.0.113.9' },
      payload: { user, password: guessed.password },
    });
    assert.equal(early.statusCode, 429);
    assert.equal(code(early), 'auth.rate-limited');
    assert.match(String(early.headers['retry-after']), /^[1-9]\d*$/u);
  }
  assert.equal((await logIn(secure)).statusCode, 200);
});

test('a new password ends the old one and every session, and bearer tokens stay', async () => {
  await using secure = await startSecureServer();
  const session = await secure.openSession();
  const headers = { host, origin, 'cookie': `nakhoda_session=${session.secret}`, 'x-csrf-token': session.csrfToken };
  const made = await secure.server.inject({ method: 'POST', url: '/api/v1/tokens', headers, payload: { name: 'ci' } });
  const answer = await secure.server.inject({ method: 'POST', url: '/api/v1/password/reset', headers });
  assert.equal(answer.statusCode, 200);
  const { password } = answer.json<{ password: string }>();
  assert.notEqual(password, secure.password);
  assert.equal(await statusOf(secure, `nakhoda_session=${session.secret}`), 401);
  assert.equal((await logIn(secure)).statusCode, 401);
  assert.equal((await logIn(secure, { password })).statusCode, 200);
  const { token } = made.json<{ token: string }>();
  const byToken = await secure.server.inject({ method: 'GET', url: '/api/v1/session', headers: { authorization: `Bearer ${token}` } });
  assert.equal(byToken.statusCode, 200);
});

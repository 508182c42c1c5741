import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { everyEndpoint } from '../support/endpoint-samples.ts';
import { startSecureServer, type SecureServer } from '../support/secure-server.ts';

let secure: SecureServer;
before(async () => {
  secure = await startSecureServer({ staticFolder: fileURLToPath(new URL('../../docs', import.meta.url)) });
});
after(() => secure[Symbol.asyncDispose]());

const code = (answer: { json(): unknown }) => (answer.json() as { code?: string }).code;

for (const { id, endpoint, url } of everyEndpoint()) {
  if (endpoint.permission === 'none') continue;
  test(`${id} asks for a login before it looks at anything else`, async () => {
    const answer = await secure.server.inject({ method: endpoint.method, url });
    assert.equal(answer.statusCode, 401);
    assert.equal(code(answer), 'auth.required');
  });
}

test('only the login itself answers strangers', () => {
  const open = everyEndpoint().filter(({ endpoint }) => endpoint.permission === 'none');
  assert.deepEqual(
    open.map(({ id }) => id),
    ['session.create'],
  );
});

const unknown = [
  '/api',
  '/api/',
  '/api/v1',
  '/api/v1/nothing',
  '/api/v2/vms',
  '/api2/json/nodes',
  '/%61pi/v1/vms',
  '/api/v1/%76ms',
  '/api/v1/vms/',
];
for (const url of unknown) {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    test(`${method} ${url} tells strangers nothing but to log in`, async () => {
      const answer = await secure.server.inject({ method, url });
      assert.equal(answer.statusCode, 401, answer.body);
      assert.equal(code(answer), 'auth.required');
    });
  }
}

test('the files of the page come without login, and nothing outside their folder', async () => {
  const file = await secure.server.inject({ method: 'GET', url: '/errors.md' });
  assert.equal(file.statusCode, 200);
  for (const url of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/..%2fpackage.json',
    '/%2e%2e%2fpackage.json',
    '/....//package.json',
    '//etc/passwd',
    '/..%5cpackage.json',
    '/errors.md%00',
  ]) {
    const answer = await secure.server.inject({ method: 'GET', url });
    assert.ok(answer.statusCode >= 400, `${url}: ${answer.statusCode}`);
    assert.ok(!answer.body.includes('workspaces'), url);
  }
});

const cookie = 'nakhoda_session';
const secret = 'A'.repeat(43);
const tricks: [what: string, headers: Record<string, string>][] = [
  ['an empty cookie', { cookie: `${cookie}=` }],
  ['a cookie of a JSON object', { cookie: `${cookie}=j:{}` }],
  ['an encoded cookie of a JSON object', { cookie: `${cookie}=j%3A%7B%7D` }],
  ['a cookie of a JSON array', { cookie: `${cookie}=j:["${secret}"]` }],
  ['a cookie with brackets in its name', { cookie: `${cookie}[]=${secret}; ${cookie}[user]=admin` }],
  ['a quoted cookie', { cookie: `${cookie}="${secret}"` }],
  ['a cookie named like a member of every object', { cookie: `${cookie}=__proto__; ${cookie}=constructor` }],
  ['a cookie that nobody was given', { cookie: `${cookie}=${secret}` }],
  ['an empty token', { authorization: 'Bearer ' }],
  ['a token of an object', { authorization: 'Bearer [object Object]' }],
  ['a token of JSON', { authorization: 'Bearer {"token":"nkh_"}' }],
  ['a token that nobody was given', { authorization: `Bearer nkh_${secret}` }],
  ['a token of another kind', { authorization: 'Basic YWRtaW46YWRtaW4=' }],
  ['a forged JSON Web Token without a signature', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiYWRtaW4ifQ.' }],
];
for (const [what, headers] of tricks) {
  test(`refuses ${what}`, async () => {
    const answer = await secure.server.inject({ method: 'GET', url: '/api/v1/session', headers });
    assert.equal(answer.statusCode, 401);
    assert.equal(code(answer), 'auth.required');
  });
}

test('refuses a good cookie beside a second one, and beside a bad token', async () => {
  const session = await secure.openSession();
  const good = `${cookie}=${session.secret}`;
  const status = async (headers: Record<string, string>) =>
    (await secure.server.inject({ method: 'GET', url: '/api/v1/session', headers })).statusCode;
  assert.equal(await status({ cookie: good }), 200);
  assert.equal(await status({ cookie: `a=b; ${good} ; c=d` }), 200);
  assert.equal(await status({ cookie: `${good}; ${cookie}=x` }), 401);
  assert.equal(await status({ cookie: good, authorization: 'Bearer nonsense' }), 401);
});

for (const body of [
  { user: 'admin', password: {} },
  { user: 'admin', password: [] },
  { user: 'admin', password: true },
  { user: { $ne: '' }, password: 'x' },
  { user: 'admin' },
  { user: 'admin', password: '' },
  { user: 'admin', password: 'x', otp: '1' },
]) {
  test(`refuses a login with ${JSON.stringify(body)}`, async () => {
    const answer = await secure.server.inject({ method: 'POST', url: '/api/v1/session', payload: body });
    assert.equal(answer.statusCode, 400);
    assert.equal(code(answer), 'request.invalid');
    assert.equal(answer.headers['set-cookie'], undefined);
  });
}

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import type { ErrorBody } from '@nakhoda/schema';

import { everyEndpoint } from '../support/endpoint-samples.ts';
import { startSecureServer, type SecureServer } from '../support/secure-server.ts';

let secure: SecureServer;
let headers: Record<string, string>;
before(async () => {
  secure = await startSecureServer();
  headers = { authorization: `Bearer ${(await secure.login.createToken('test')).token}` };
});
after(() => secure[Symbol.asyncDispose]());

/** Every refusal has code, cause and remedy, is short, and shows nothing of what is inside. */
function assertRefused(answer: { statusCode: number; body: string; headers: object }, status = 400): ErrorBody {
  assert.equal(answer.statusCode, status, answer.body.slice(0, 500));
  const error = JSON.parse(answer.body) as ErrorBody;
  assert.equal(error.code, status === 413 ? 'request.too-large' : 'request.invalid');
  assert.ok(error.message.length > 10 && error.hint.length > 5, answer.body);
  assert.ok(answer.body.length < 1500, 'the error is short, however long the input');
  assert.doesNotMatch(answer.body, /must (NOT|be|match)|schema|ajv|node_modules|\bat .*\.ts:/iu);
  assert.equal((answer.headers as Record<string, string>)['x-request-id'], error.requestId);
  return error;
}

for (const { id, endpoint, url } of everyEndpoint()) {
  test(`${id} refuses an unknown query field`, async () => {
    const error = assertRefused(
      await secure.server.inject({
        method: endpoint.method,
        url: `${url}?surprise=1`,
        headers,
        ...(endpoint.method === 'GET' ? {} : { payload: {} }),
      }),
    );
    assert.match(error.message, /surprise|missing/u);
  });
  if (endpoint.method === 'GET') continue;
  test(`${id} refuses an unknown body field`, async () => {
    const answer = await secure.server.inject({ method: endpoint.method, url, headers, payload: { surprise: 1 } });
    assertRefused(answer);
  });
  for (const payload of [
    '[]',
    '"text"',
    'null',
    '1',
    '{"a":',
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
  ]) {
    test(`${id} refuses the body ${payload}`, async () => {
      assertRefused(
        await secure.server.inject({ method: endpoint.method, url, headers: { ...headers, 'content-type': 'application/json' }, payload }),
      );
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    });
  }
}

const names = [
  'a b',
  'a"b',
  "a'b",
  'a\nb',
  'a\n',
  'a\0b',
  '-rf',
  '--help',
  '-oProxyCommand=x',
  '../x',
  '..',
  '.',
  'a/b',
  'a;id',
  '$(id)',
  '`id`',
  'ä',
  'ａ',
  'a\u202Eb',
  '',
  'x'.repeat(10_000),
];
for (const name of names) {
  const shown = JSON.stringify(name.slice(0, 20));
  test(`the name ${shown} is refused in a body`, async () => {
    assertRefused(await secure.server.inject({ method: 'POST', url: '/api/v1/vms', headers, payload: { name, hypervisor: 'qemu' } }));
    assertRefused(await secure.server.inject({ method: 'POST', url: '/api/v1/vms/web/snapshots', headers, payload: { name } }));
    assertRefused(await secure.server.inject({ method: 'POST', url: '/api/v1/networks', headers, payload: { name, cidr: '10.0.0.0/24' } }));
  });
  test(`the name ${shown} is refused in an address`, async () => {
    const segment = name.startsWith('.') ? encodeURIComponent(name).replaceAll('.', '%2e') : encodeURIComponent(name);
    for (const url of [`/api/v1/vms/${segment}`, `/api/v1/vms/web/snapshots/${segment}/rollback`, `/api/v1/networks/${segment}`]) {
      const answer = await secure.server.inject({ method: url.endsWith('rollback') ? 'POST' : 'GET', url, headers });
      // Dots are a part of the path's own syntax: the address that is left when they are resolved may be an unknown one.
      if (['.', '..'].includes(name) && answer.statusCode === 404) continue;
      assertRefused(answer);
    }
  });
}

const bodies: [what: string, body: object][] = [
  ['cores of 0', { cores: 0 }],
  ['a fraction of a core', { cores: 1.5 }],
  ['cores as text', { cores: '2' }],
  ['cores as a list', { cores: [2] }],
  ['negative memory', { memoryMiB: -1 }],
  ['memory beyond all numbers', { memoryMiB: 1e308 }],
  ['a disk of 0', { diskGiB: 0 }],
  ['a vmid below 100', { vmid: 99 }],
  ['start as text', { start: 'yes' }],
  ['an ISO outside its pool', { cdrom: 'local:iso/../nakhoda.db' }],
  ['an ISO by its path', { cdrom: '/etc/passwd' }],
  ['raw arguments', { args: '-chardev file,path=/etc/shadow' }],
  ['null', { network: null }],
];
for (const [what, body] of bodies) {
  test(`a VM with ${what} is refused`, async () => {
    assertRefused(
      await secure.server.inject({ method: 'POST', url: '/api/v1/vms', headers, payload: { name: 'web', hypervisor: 'qemu', ...body } }),
    );
  });
}

test('limits in the query are numbers, once each', async () => {
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=',
    'limit=1e3',
    'limit=0x10',
    'limit=1&limit=2',
    'limit[]=1',
    'limit=99999999999999999999',
  ]) {
    assertRefused(await secure.server.inject({ method: 'GET', url: `/api/v1/vms?${query}`, headers }));
  }
});

test('a body that is not JSON, or too large, is refused', async () => {
  const send = (type: string, payload: string) =>
    secure.server.inject({ method: 'POST', url: '/api/v1/vms', headers: { ...headers, 'content-type': type }, payload });
  assertRefused(await send('text/plain', '{"name":"web","hypervisor":"qemu"}'));
  assertRefused(await send('application/x-www-form-urlencoded', 'name=web&hypervisor=qemu'));
  assertRefused(await send('application/json', ''));
  assertRefused(await send('application/json', `{"name":"${'x'.repeat(1_100_000)}"}`), 413);
});

test('what a client sends never becomes a header or the request id', async () => {
  const answer = await secure.server.inject({
    method: 'GET',
    url: '/api/v1/vms/a%0d%0aSet-Cookie:%20x=1?x=%0d%0aX-Evil:1',
    headers: { ...headers, 'x-request-id': 'mine', 'request-id': 'mine' },
  });
  assertRefused(answer);
  assert.equal(answer.headers['set-cookie'], undefined);
  assert.equal(answer.headers['x-evil'], undefined);
  assert.match(String(answer.headers['x-request-id']), /^r[0-9a-f]{16}$/u);
});

test('every answer carries the security headers', async () => {
  for (const url of ['/api/v1/session', '/api/v1/nothing', '/nothing', '/%zz']) {
    const answer = await secure.server.inject({ method: 'GET', url, headers });
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', url);
    assert.equal(answer.headers['x-frame-options'], 'DENY', url);
    assert.match(String(answer.headers['content-security-policy']), /^default-src 'none'/u, url);
    assert.equal(answer.headers['access-control-allow-origin'], undefined, url);
  }
});

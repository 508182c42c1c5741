import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';

import { ticketGate } from '../../apps/daemon/src/auth/ticket-gate.ts';
import { createConsoleTickets } from '../../apps/daemon/src/console/console-tickets.ts';
import { attemptUpgrade, type UpgradeAnswer } from '../support/attempt-upgrade.ts';
import { startSecureServer, type SecureServer } from '../support/secure-server.ts';

const tickets = createConsoleTickets();
const principal = { kind: 'session', user: 'admin' } as const;
const vmids: Readonly<Record<string, number>> = { 'web': 100, '100': 100, 'db': 101 };
const opened: string[] = [];
let secure: SecureServer;
let port = 0;
let host = '';

before(async () => {
  const open = (kind: string) => async (request: { principal: { user: string } | null; params: { vm: string } }) => {
    opened.push(`${kind} of ${request.params.vm} for ${request.principal?.user}`);
    return () => undefined;
  };
  secure = await startSecureServer({
    wrapGate: (gate) => ticketGate(gate, tickets, (vm) => vmids[vm] ?? null),
    handlers: { 'vm.vnc': open('vnc'), 'vm.console': open('serial') },
  });
  await secure.server.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = secure.server.server.address() as AddressInfo);
  host = `127.0.0.1:${port}`;
});
after(() => secure[Symbol.asyncDispose]());

const issue = (kind: 'vnc' | 'serial' = 'vnc', vmid = 100): string => tickets.issue({ kind, vmid, principal }).ticket;
const attempt = (path: string, headers: Record<string, string> = {}): Promise<UpgradeAnswer> =>
  attemptUpgrade(port, path, { host, ...headers });
const refused = { status: 401, code: 'auth.bad-ticket' };

test('a ticket opens its console without a login, in the name of whoever got it, once', async () => {
  const vnc = issue();
  assert.equal((await attempt(`/vms/web/vnc?ticket=${vnc}`, { origin: `https://${host}` })).status, 101);
  assert.deepEqual(await attempt(`/vms/web/vnc?ticket=${vnc}`, { origin: `https://${host}` }), refused);
  assert.equal((await attempt(`/vms/100/console?ticket=${issue('serial')}`)).status, 101);
  assert.deepEqual(opened.splice(0), ['vnc of web for admin', 'serial of 100 for admin']);
});

test('for another VM, another console, or one that is none, it is refused, and so is what is no ticket', async () => {
  for (const path of [
    `/vms/db/vnc?ticket=${issue()}`,
    `/vms/web/console?ticket=${issue()}`,
    `/vms/web/vnc?ticket=${issue('serial')}`,
    `/vms/nobody/vnc?ticket=${issue()}`,
    '/vms/web/vnc?ticket=',
    `/vms/web/vnc?ticket=${'A'.repeat(43)}`,
    `/vms/web/vnc?ticket=${issue()}&ticket=${issue()}`,
  ])
    assert.deepEqual(await attempt(path), refused, path);
  assert.deepEqual(opened, [], 'no console was touched');
});

test('a page of another site cannot use one, and does not use it up', async () => {
  const ticket = issue();
  for (const origin of ['https://evil.test', 'null', `http://${host}`])
    assert.deepEqual(await attempt(`/vms/web/vnc?ticket=${ticket}`, { origin }), { status: 403, code: 'auth.csrf' }, origin);
  assert.equal((await attempt(`/vms/web/vnc?ticket=${ticket}`, { origin: `https://${host}` })).status, 101);
  opened.splice(0);
});

test('a bad ticket is refused whatever else comes with it; without one the login counts, as before', async () => {
  const { token } = await secure.login.createToken('ci');
  const authorization = `Bearer ${token}`;
  assert.deepEqual(await attempt('/vms/web/vnc?ticket=old', { authorization }), refused);
  assert.equal((await attempt('/vms/web/vnc', { authorization })).status, 101);
  assert.equal((await attempt('/vms/web/vnc')).code, 'auth.required');
  assert.deepEqual(opened.splice(0), ['vnc of web for admin!ci']);
});

test('a ticket opens nothing but the WebSocket: not the address without an upgrade, and no other address', async () => {
  const ticket = issue();
  for (const path of [`/vms/web/vnc?ticket=${ticket}`, `/vms/web/screenshot?ticket=${ticket}`, `/vms?ticket=${ticket}`]) {
    const answer = await secure.server.inject({ method: 'GET', url: `/api/v1${path}`, headers: { host } });
    assert.equal(answer.statusCode, 401, path);
    assert.doesNotMatch(answer.body, new RegExp(ticket, 'u'));
  }
  assert.equal((await attempt(`/vms?ticket=${ticket}`)).status, 401);
  assert.equal((await attempt(`/vms/web/vnc?ticket=${ticket}`)).status, 101, 'it was not used up');
});

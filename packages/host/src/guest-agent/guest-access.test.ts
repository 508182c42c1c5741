import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import { createGuestAccess } from './guest-access.ts';
import type { GuestAgent } from './guest-agent.ts';

type FakeChannel = Omit<GuestAgent, 'close'> & { probes: number; connected: boolean };

const noFacts = { osInfo: null, fileSystems: [], interfaces: [], users: [], frozen: null };

function channel(answers: () => boolean, exitCode: number): FakeChannel {
  return {
    probes: 0,
    connected: true,
    probe() {
      this.probes += 1;
      return Promise.resolve(answers());
    },
    exec: () => Promise.resolve({ exitCode }),
    readFile: () => Promise.resolve(new Uint8Array()),
    writeFile: () => Promise.resolve(),
    facts: () => Promise.resolve({ ...noFacts, hostname: `guest${exitCode}` }),
    freeze: () => Promise.resolve(1),
    thaw: () => Promise.resolve(1),
    isFrozen: () => Promise.resolve(false),
    setPassword: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
    addresses: () => Promise.resolve([{ mac: '52:54:00:12:34:56', address: `10.0.0.${exitCode}` }]),
  };
}

const command = { argv: ['true'], timeoutMs: 1_000, onStdout: () => undefined, onStderr: () => undefined };

test('the agent is preferred, the serial shell is the fallback', async () => {
  let agentUp = true;
  const agent = channel(() => agentUp, 1);
  const serial = channel(() => true, 2);
  const access = createGuestAccess({ agent, serial, serialIsFree: () => true });
  assert.equal(await access.ready({ timeoutMs: 100 }), 'agent');
  assert.deepEqual(await access.exec(command), { exitCode: 1 });
  agentUp = false;
  assert.equal(await access.ready({ timeoutMs: 100 }), 'serial');
  assert.deepEqual(await access.exec(command), { exitCode: 2 });
  const before = agent.probes;
  await access.exec(command);
  assert.equal(agent.probes, before, 'an agent that was silent a moment ago is not waited for again');
});

test('nobody answers', async () => {
  const nobody = channel(() => false, 0);
  const access = createGuestAccess({ agent: nobody, serial: nobody, serialIsFree: () => true });
  assert.equal(await access.ready({ timeoutMs: 50 }), null);
  await assert.rejects(access.exec(command), { code: 'guest.no-agent' });
  assert.deepEqual(await access.addresses({}), []);
});

test('addresses are not asked for at a console that somebody uses', async () => {
  let free = true;
  const access = createGuestAccess({ agent: channel(() => false, 1), serial: channel(() => true, 2), serialIsFree: () => free });
  assert.deepEqual(await access.addresses({}), [{ mac: '52:54:00:12:34:56', address: '10.0.0.2' }]);
  free = false;
  assert.deepEqual(await access.addresses({}), []);
});

test('a shell that answers first waits for an agent that comes shortly after', async () => {
  const agent = channel(() => agent.probes >= 4, 1);
  const access = createGuestAccess({ agent, serial: channel(() => true, 2), serialIsFree: () => true });
  assert.equal(await access.ready({ timeoutMs: 10_000 }), 'agent');
  assert.deepEqual(await access.exec(command), { exitCode: 1 });
});

test('a guest without an agent is waited for once a run', async () => {
  const agent = channel(() => false, 1);
  const access = createGuestAccess({ agent, serial: channel(() => true, 2), serialIsFree: () => true, agentGraceMs: 120 });
  const began = performance.now();
  assert.equal(await access.ready({ timeoutMs: 10_000 }), 'serial');
  assert.ok(performance.now() - began >= 120);
  const { probes } = agent;
  assert.equal(await access.ready({ timeoutMs: 10_000 }), 'serial');
  assert.deepEqual(await access.exec(command), { exitCode: 2 });
  assert.equal(agent.probes, probes, 'it is not asked at each call');
});

test("the wait for an agent ends with the caller's limit, and goes on at the next call", async () => {
  let agentUp = false;
  const agent = channel(() => agentUp, 1);
  const access = createGuestAccess({ agent, serial: channel(() => true, 2), serialIsFree: () => true, agentGraceMs: 60_000 });
  assert.equal(await access.ready({ timeoutMs: 60 }), 'serial');
  agentUp = true;
  assert.equal(await access.ready({ timeoutMs: 60 }), 'agent');
});

test('an agent that was there is waited for again: its guest may have rebooted', async () => {
  let agentUp = false;
  const agent = channel(() => agentUp, 1);
  const access = createGuestAccess({ agent, serial: channel(() => agent.probes > 0, 2), serialIsFree: () => true, agentGraceMs: 60 });
  assert.equal(await access.ready({ timeoutMs: 10_000 }), 'serial');
  agentUp = true;
  // As long as the agent is known to be absent only the console is asked; once that is silent, too, the agent is.
  agent.probes = 0;
  assert.equal(await access.ready({ timeoutMs: 10_000 }), 'agent');
  agentUp = false;
  const { probes } = agent;
  assert.equal(await access.ready({ timeoutMs: 10_000 }), 'serial');
  assert.ok(agent.probes > probes + 1, 'asked more than once');
});

test('nobody waits for an agent whose channel is not connected', async () => {
  const agent = channel(() => false, 1);
  agent.connected = false;
  const access = createGuestAccess({ agent, serial: channel(() => true, 2), serialIsFree: () => true, agentGraceMs: 60_000 });
  assert.equal(await access.ready({ timeoutMs: 60_000 }), 'serial');
  assert.equal(agent.probes, 1);
});

test('an abort ends the wait for an agent', async () => {
  const access = createGuestAccess({
    agent: channel(() => false, 1),
    serial: channel(() => true, 2),
    serialIsFree: () => true,
    agentGraceMs: 60_000,
  });
  await assert.rejects(access.ready({ timeoutMs: 60_000, signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
});

test('facts come from the agent, else from a free console, else from nobody', async () => {
  let agentUp = true;
  let free = true;
  const agent = channel(() => agentUp, 1);
  const access = createGuestAccess({ agent, serial: channel(() => true, 2), serialIsFree: () => free });
  const told = async () => {
    const answer = await access.facts({});
    return answer && [answer.via, answer.facts.hostname];
  };
  assert.deepEqual(await told(), ['agent', 'guest1']);
  agent.facts = () => Promise.reject(new NakhodaError('guest.timeout', { message: 'late', hint: 'wait' }));
  assert.deepEqual(await told(), ['serial', 'guest2'], 'an agent that falls silent in the middle');
  agentUp = false;
  free = false;
  assert.equal(await told(), null);
});

test('what only an agent can do is not done without it', async () => {
  const access = createGuestAccess({ agent: channel(() => false, 1), serial: channel(() => true, 2), serialIsFree: () => true });
  await assert.rejects(access.agent({}), { code: 'guest.no-agent' });
});

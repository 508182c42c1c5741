import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GuestChannel } from '../serial/guest-channel.ts';
import { createGuestAccess } from './guest-access.ts';

function channel(answers: () => boolean, exitCode: number): GuestChannel & { probes: number } {
  return {
    probes: 0,
    probe() {
      this.probes += 1;
      return Promise.resolve(answers());
    },
    exec: () => Promise.resolve({ exitCode }),
    readFile: () => Promise.resolve(new Uint8Array()),
    writeFile: () => Promise.resolve(),
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

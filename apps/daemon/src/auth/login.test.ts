import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type AuthRecords, type AuthStore, noAuthRecords } from './auth-store.ts';
import { createLogin } from './login.ts';

const hour = 3_600_000;
const day = 24 * hour;

function memoryStore(): AuthStore {
  let records: AuthRecords = noAuthRecords;
  return {
    read: () => records,
    update: async (change) => {
      records = change(records);
    },
  };
}

test('a session ends when it should, and also when the clock jumps: forward with its time, backward because nobody knows its age', async () => {
  let time = Date.parse('2026-01-10T00:00:00Z');
  const login = await createLogin({ store: memoryStore(), now: () => time });
  const { user, password } = await login.ensureAdmin();
  const open = async (): Promise<string> => (await login.logIn({ user, password: password ?? '', address: '192.0.2.1' })).secret;

  const first = await open();
  time += 7 * hour;
  assert.ok(login.session(first));
  time += 9 * hour;
  assert.equal(login.session(first), null, 'idle for more than eight hours, or a jump of the clock');

  const second = await open();
  time -= 2 * 60_000;
  assert.ok(login.session(second), 'a clock that is set back by two minutes ends nothing');
  time -= 30 * day;
  assert.equal(login.session(second), null, 'it would last for a month longer than it should');

  // Dropped, too, with the next login.
  const third = await open();
  time += 30 * day;
  assert.equal(login.session(second), null);
  assert.equal(login.session(third), null, 'the clock is right again');
});

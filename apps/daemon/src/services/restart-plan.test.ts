import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { type CrashHistory, planRestart } from './restart-plan.ts';

test('the first restart comes at once, the next after 1, 2, 4 … seconds, and a good run makes it begin anew', () => {
  let history: CrashHistory | null = null;
  let now = 1_000_000;
  const pauses: number[] = [];
  for (let crash = 0; crash < 12; crash += 1) {
    const plan = planRestart(history, now);
    pauses.push((plan.at - now) / 1000);
    history = plan.history;
    now = plan.at + 100;
  }
  assert.deepEqual(pauses, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  assert.equal(planRestart(history, now + 10 * 60_000).at, now + 10 * 60_000);
});

test('a restart never lies in the past, nor more than five minutes away', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(1_000_000_000), fc.nat(1_000_000_000), (restarts, lastRestartAt, later) => {
      const crashedAt = lastRestartAt + later;
      const { at, history } = planRestart({ restarts, lastRestartAt }, crashedAt);
      assert.ok(at >= crashedAt && at <= crashedAt + 300_000);
      assert.equal(history.lastRestartAt, at);
    }),
  );
});

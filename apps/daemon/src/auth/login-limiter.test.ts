import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import { createLoginLimiter } from './login-limiter.ts';

function limiterWithClock() {
  let time = 0;
  const limiter = createLoginLimiter(() => time);
  return {
    limiter,
    advance: (seconds: number) => void (time += seconds * 1000),
    /** Seconds to wait, or 0 when the try was let through. */
    attempt(address: string, user = 'admin'): number {
      try {
        limiter.begin({ address, user });
        return 0;
      } catch (error) {
        assert.ok(error instanceof NakhodaError);
        return Number(error.details?.['retryAfterSeconds']);
      }
    },
  };
}

test('five failures are free, then each try waits twice as long, up to 5 minutes', () => {
  const { attempt, advance } = limiterWithClock();
  assert.deepEqual(
    Array.from({ length: 5 }, () => attempt('192.0.2.1')),
    [0, 0, 0, 0, 0],
  );
  const waits: number[] = [];
  for (let round = 0; round < 11; round += 1) {
    const wait = attempt('192.0.2.1');
    waits.push(wait);
    advance(wait);
    assert.equal(attempt('192.0.2.1'), 0);
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

test('many addresses do not help against one user, nor many users against one address', () => {
  const one = limiterWithClock();
  for (let guess = 0; guess < 5; guess += 1) assert.equal(one.attempt(`192.0.2.${guess}`), 0);
  assert.equal(one.attempt('192.0.2.99'), 1);
  assert.equal(one.attempt('192.0.2.99', 'somebody'), 0);
  const other = limiterWithClock();
  for (let guess = 0; guess < 5; guess += 1) assert.equal(other.attempt('192.0.2.1', `user${guess}`), 0);
  assert.equal(other.attempt('192.0.2.1', 'user9'), 1);
});

test('all addresses of one IPv6 /64 count as one', () => {
  const { attempt } = limiterWithClock();
  const addresses = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::', '2001:db8:1:2:0:0:0:9'];
  addresses.forEach((address, index) => assert.equal(attempt(address, `user${index}`), 0));
  assert.equal(attempt('2001:db8:1:2::77', 'other'), 1);
  assert.equal(attempt('2001:db8:1:3::1', 'other'), 0);
});

test('a right password and an hour of quiet forget the failures', () => {
  const { attempt, advance, limiter } = limiterWithClock();
  for (let guess = 0; guess < 5; guess += 1) attempt('192.0.2.1');
  assert.ok(attempt('192.0.2.1') > 0);
  limiter.succeed({ address: '192.0.2.1', user: 'admin' });
  assert.equal(attempt('192.0.2.1'), 0);
  for (let guess = 0; guess < 4; guess += 1) attempt('192.0.2.1');
  advance(3601);
  assert.deepEqual(
    Array.from({ length: 5 }, () => attempt('192.0.2.1')),
    [0, 0, 0, 0, 0],
  );
});

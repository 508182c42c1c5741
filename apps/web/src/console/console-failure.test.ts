import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError, type ErrorCode } from '@nakhoda/schema/errors';

import { failureOfEnd, failureOfError, failureOfUnknown, pauseBeforeTry } from './console-failure.ts';

const error = (code: ErrorCode) => new NakhodaError(code, { message: 'm', hint: 'h' });
const end = (code: number, more: object = {}) => ({ code, reason: '', refusal: null, opened: true, ...more });

test('an error of the daemon names the hop that is broken', () => {
  const cases: [ErrorCode, string, string, boolean][] = [
    ['daemon.unreachable', 'daemon', 'unreachable', true],
    ['vm.wrong-state', 'guest', 'failed', true],
    ['hypervisor.timeout', 'hypervisor', 'failed', true],
    ['console.failed', 'hypervisor', 'failed', true],
    ['vm.unsupported', 'hypervisor', 'failed', false],
    ['console.too-many', 'daemon', 'refused', false],
    ['vm.not-found', 'daemon', 'refused', false],
    ['auth.forbidden', 'daemon', 'refused', false],
    ['internal', 'daemon', 'refused', false],
  ];
  for (const [code, hop, kind, again] of cases) {
    const failure = failureOfError(error(code), true);
    assert.deepEqual([code, failure.hop, failure.kind, failure.again], [code, hop, kind, again]);
  }
  assert.equal(failureOfError(error('daemon.unreachable'), false).hop, 'browser', 'a browser without a network');
});

test('the end of a connection names it, too', () => {
  const refusal = error('hypervisor.timeout');
  const cases: [Parameters<typeof failureOfEnd>[0], string, string, boolean][] = [
    [end(4000, { refusal, reason: 'hypervisor.timeout' }), 'hypervisor', 'failed', true],
    [end(1000, { reason: 'the screen of web has gone' }), 'guest', 'ended', true],
    [end(1001, { reason: 'The daemon stops.' }), 'daemon', 'cut', true],
    [end(1006), 'daemon', 'cut', true],
    [end(1006, { opened: false }), 'daemon', 'blocked', true],
    [end(1002, { reason: 'the viewer speaks no RFB' }), 'browser', 'viewer', false],
  ];
  for (const [one, hop, kind, again] of cases) {
    const failure = failureOfEnd(one, true);
    assert.deepEqual([one.code, failure.hop, failure.kind, failure.again], [one.code, hop, kind, again]);
  }
  assert.equal(failureOfEnd(end(1006), false).hop, 'browser');
  assert.equal(failureOfEnd(end(4000, { refusal }), true).error, refusal);
});

test('the page waits longer and longer, and never more than ten seconds', () => {
  const pauses = Array.from({ length: 20 }, (_, index) => pauseBeforeTry(index));
  assert.deepEqual(pauses.slice(0, 4), [500, 1000, 2000, 4000]);
  assert.ok(pauses.every((pause, index) => index === 0 || pause >= (pauses[index - 1] ?? 0)));
  assert.equal(pauses.at(-1), 10_000);
});

test('a VM whose state nobody knows has its hypervisor to blame, with the reason that the daemon has', () => {
  const failure = failureOfUnknown('QEMU does not answer.');
  assert.deepEqual([failure.hop, failure.reason, failure.again], ['hypervisor', 'QEMU does not answer.', true]);
});

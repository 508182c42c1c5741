import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseLoad, parsePing, parseSha256, parseUptime } from './parse.ts';

// Recorded from BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1) in a network namespace: `busybox ping -c 4 127.0.0.1`,
// and `busybox ping -c 2 -W 1 192.0.2.1` on a bridge with nobody on it.
const answered = `PING 127.0.0.1 (127.0.0.1): 56 data bytes
64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.235 ms
64 bytes from 127.0.0.1: seq=1 ttl=64 time=0.069 ms
64 bytes from 127.0.0.1: seq=2 ttl=64 time=0.063 ms
64 bytes from 127.0.0.1: seq=3 ttl=64 time=0.055 ms

--- 127.0.0.1 ping statistics ---
4 packets transmitted, 4 packets received, 0% packet loss
round-trip min/avg/max = 0.055/0.105/0.235 ms
`;
const silent = `PING 192.0.2.1 (192.0.2.1): 56 data bytes

--- 192.0.2.1 ping statistics ---
2 packets transmitted, 0 packets received, 100% packet loss
`;

test('ping: counts and times', () => {
  assert.deepEqual(parsePing(answered), { sent: 4, received: 4, rttMs: { min: 0.055, average: 0.105, max: 0.235 } });
  assert.deepEqual(parsePing(silent), { sent: 2, received: 0, rttMs: null });
  assert.equal(parsePing('ping: bad address'), null);
});

test('sha256sum, with and without a file name', () => {
  const hash = 'a'.repeat(64);
  assert.equal(parseSha256(`${hash}  /data/marker.txt\n`), hash);
  assert.equal(parseSha256(hash), hash);
  assert.equal(parseSha256('sha256sum: /data/x: No such file or directory'), null);
});

test('load generator and uptime', () => {
  assert.deepEqual(parseLoad('{"work":120,"seconds":10.02,"perSecond":11.98}\n'), { work: 120, seconds: 10.02, perSecond: 11.98 });
  assert.equal(parseLoad('not found'), null);
  assert.equal(parseLoad('{"work":"1"}'), null);
  assert.equal(parseUptime('35.12 60.00\n'), 35.12);
  assert.equal(parseUptime('nothing'), null);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createAgentCalls, readInterfaces } from './agent-calls.ts';

const answering = (answer: unknown) => createAgentCalls({ call: () => Promise.resolve(answer) });

// Recorded from qemu-ga 7.2.22 in the tiny guest (guest-network-get-interfaces), statistics left out; eth0 as of a guest with a lease.
const recorded = [
  {
    'name': 'lo',
    'ip-addresses': [{ 'ip-address-type': 'ipv4', 'ip-address': '127.0.0.1', 'prefix': 8 }],
    'hardware-address': '00:00:00:00:00:00',
  },
  {
    'name': 'eth0',
    'ip-addresses': [
      { 'ip-address-type': 'ipv4', 'ip-address': '10.77.0.10', 'prefix': 24 },
      { 'ip-address-type': 'ipv6', 'ip-address': 'fe80::1', 'prefix': 64 },
    ],
    'hardware-address': '52:54:00:12:34:56',
  },
];

test('addresses by MAC, IPv4 only and without loopback', () => {
  assert.deepEqual(readInterfaces(recorded), [{ mac: '52:54:00:12:34:56', address: '10.77.0.10' }]);
});

test('nonsense from a guest is left out or refused', () => {
  const bad = [
    null,
    7,
    { 'hardware-address': 'zz', 'ip-addresses': [] },
    { 'hardware-address': '52:54:00:12:34:56' },
    { 'hardware-address': '52:54:00:12:34:56', 'ip-addresses': [null, { 'ip-address-type': 'ipv4', 'ip-address': '<script>' }] },
    { 'hardware-address': '52:54:00:12:34:56', 'ip-addresses': [{ 'ip-address-type': 'ipv4', 'ip-address': '300.1.1.1' }] },
  ];
  assert.deepEqual(readInterfaces(bad), []);
  assert.throws(() => readInterfaces({}), { code: 'guest.no-agent' });
});

test('answers of the wrong shape are refused', async () => {
  await assert.rejects(answering({ pid: '1' }).execStart(['a'], { capture: false }, {}), { code: 'guest.no-agent' });
  await assert.rejects(answering({ 'buf-b64': 1 }).fileRead(1, 10, {}), { code: 'guest.no-agent' });
  await assert.rejects(answering({ 'buf-b64': 'QUJDREVG' }).fileRead(1, 3, {}), { code: 'guest.no-agent' });
  await assert.rejects(answering('x').fileOpen('/a', 'rb', {}), { code: 'guest.no-agent' });
});

test('a program ended by a signal has 128 and its number as exit code', async () => {
  assert.equal((await answering({ exited: true, signal: 9 }).execStatus(1, {})).exitCode, 137);
  assert.equal((await answering({ exited: true, exitcode: 3 }).execStatus(1, {})).exitCode, 3);
  assert.equal((await answering({ exited: false }).execStatus(1, {})).exited, false);
});

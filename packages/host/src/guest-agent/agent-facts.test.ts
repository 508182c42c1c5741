import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { readAgentFacts } from './agent-facts.ts';

// Recorded from qemu-ga 7.2.22 in the tiny guest under QEMU 7.2; eth0 as of a guest with a lease.
const recorded = {
  freeze: 'thawed',
  os: {
    'name': 'Nakhoda tiny guest',
    'kernel-release': '6.1.192',
    'pretty-name': 'Nakhoda tiny guest',
    'kernel-version': '#2 SMP Mon Nov 23 08:04:19 UTC 2026',
    'machine': 'x86_64',
    'id': 'nakhoda-tiny',
  },
  hostname: { 'host-name': 'tiny' },
  fsinfo: [
    {
      'name': 'vda',
      'total-bytes': 61284352,
      'mountpoint': '/data',
      'disk': [{ 'bus-type': 'virtio' }],
      'used-bytes': 28672,
      'type': 'ext4',
    },
    { 'name': 'sr0', 'total-bytes': 13475840, 'mountpoint': '/cd', 'disk': [], 'used-bytes': 13475840, 'type': 'iso9660' },
  ],
  interfaces: [
    {
      'name': 'lo',
      'ip-addresses': [{ 'ip-address-type': 'ipv4', 'ip-address': '127.0.0.1', 'prefix': 8 }],
      'hardware-address': '00:00:00:00:00:00',
    },
    {
      'name': 'eth0',
      'hardware-address': '52:54:00:00:23:29',
      'ip-addresses': [
        { 'ip-address-type': 'ipv4', 'ip-address': '10.77.0.10', 'prefix': 24 },
        { 'ip-address-type': 'ipv6', 'ip-address': 'fe80::1', 'prefix': 64 },
      ],
    },
  ],
  users: [],
};

test('what an agent says', () => {
  assert.deepEqual(readAgentFacts(recorded), {
    osInfo: {
      id: 'nakhoda-tiny',
      name: 'Nakhoda tiny guest',
      prettyName: 'Nakhoda tiny guest',
      version: null,
      kernel: '6.1.192',
      machine: 'x86_64',
    },
    hostname: 'tiny',
    fileSystems: [
      { mountpoint: '/data', device: 'vda', type: 'ext4', totalBytes: 61284352, usedBytes: 28672, freeBytes: 61255680 },
      { mountpoint: '/cd', device: 'sr0', type: 'iso9660', totalBytes: 13475840, usedBytes: 13475840, freeBytes: 0 },
    ],
    interfaces: [{ name: 'eth0', mac: '52:54:00:00:23:29', addresses: ['10.77.0.10/24', 'fe80::1/64'] }],
    users: [],
    frozen: false,
  });
});

test('an agent that knows nothing', () => {
  const silent = { os: undefined, hostname: undefined, fsinfo: undefined, interfaces: undefined, users: undefined, freeze: undefined };
  assert.deepEqual(readAgentFacts(silent), {
    osInfo: null,
    hostname: null,
    fileSystems: [],
    interfaces: [],
    users: [],
    frozen: null,
  });
});

test("a guest's words are cut, and cannot move a terminal's cursor", () => {
  const { hostname, fileSystems, users } = readAgentFacts({
    ...recorded,
    hostname: { 'host-name': `\u001b[31mred\u202e\n${'x'.repeat(5000)}` },
    fsinfo: Array.from({ length: 500 }, (_, index) => ({ 'mountpoint': `/${index}`, 'total-bytes': -1, 'used-bytes': 1e300 })),
    users: [{ user: 'root' }, { user: 'root' }, { user: 7 }],
  });
  assert.equal(hostname?.length, 256);
  assert.ok(hostname?.startsWith('[31mredxxx'));
  assert.equal(fileSystems.length, 64);
  assert.equal(fileSystems[0]?.totalBytes, null);
  assert.deepEqual(users, ['root']);
});

test('whatever an agent answers, facts come of it, of bounded size', () => {
  fc.assert(
    fc.property(fc.record(Object.fromEntries(Object.keys(recorded).map((key) => [key, fc.jsonValue()]))), (answers) => {
      const facts = readAgentFacts(answers as unknown as typeof recorded);
      assert.ok(JSON.stringify(facts).length < 1_000_000);
    }),
  );
});

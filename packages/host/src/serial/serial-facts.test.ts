import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { readSerialFacts } from './serial-facts.ts';

// Recorded from the script in the tiny guest (busybox 1.35, Debian 12); eth0's addresses added by hand.
const recorded = `[os-release]
NAME="Nakhoda tiny guest"
ID=nakhoda-tiny
PRETTY_NAME="Nakhoda tiny guest"
[uname]
6.1.192
x86_64
[hostname]
tiny
[df]
Filesystem           Type       1024-blocks    Used Available Capacity Mounted on
dev                  devtmpfs       56060         0     56060   0% /dev
/dev/sr0             iso9660        13160     13160         0 100% /cd
/dev/vda             ext4           61156        28     59820   0% /data
[ip]
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc pfifo_fast qlen 1000
    link/ether 52:54:00:00:23:29 brd ff:ff:ff:ff:ff:ff
    inet 10.77.0.10/24 brd 10.77.0.255 scope global eth0
    inet6 fe80::1/64 scope link
[who]
`;

test('what a shell says', () => {
  assert.deepEqual(readSerialFacts(recorded), {
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
      { mountpoint: '/cd', device: '/dev/sr0', type: 'iso9660', totalBytes: 13475840, usedBytes: 13475840, freeBytes: 0 },
      { mountpoint: '/data', device: '/dev/vda', type: 'ext4', totalBytes: 62623744, usedBytes: 28672, freeBytes: 61255680 },
    ],
    interfaces: [{ name: 'eth0', mac: '52:54:00:00:23:29', addresses: ['10.77.0.10/24', 'fe80::1/64'] }],
    users: [],
    frozen: null,
  });
});

test("os-release's quotes, and a heading that comes twice", () => {
  const facts = readSerialFacts(
    `[os-release]\nNAME='One \\$ "x"'\nVERSION="12 \\"b\\""\nnonsense\n[hostname]\nfirst\n[hostname]\nsecond\n`,
  );
  assert.equal(facts.osInfo?.name, 'One $ "x"');
  assert.equal(facts.osInfo?.version, '12 "b"');
  assert.equal(facts.hostname, 'first');
});

test('whatever a shell prints, facts come of it', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...recorded.split('\n')), fc.string())), (lines) => {
      assert.ok(JSON.stringify(readSerialFacts(lines.join('\n'))).length < 1_000_000);
    }),
  );
});

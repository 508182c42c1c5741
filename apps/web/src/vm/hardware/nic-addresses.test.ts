import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GuestInfo, Network } from '@nakhoda/schema';

import { nicAddresses } from './nic-addresses.ts';

const mac = '02:4e:4b:00:00:01';
const network = { addresses: [{ mac, address: '10.77.0.5', source: 'lease' }] } as unknown as Network;
const guest = {
  interfaces: [
    { name: 'eth0', mac: mac.toUpperCase(), addresses: ['10.77.0.5/24', 'fe80::1/64', 'fd00::5/64'] },
    { name: 'eth1', mac: '02:4e:4b:00:00:02', addresses: ['10.78.0.5/24'] },
  ],
} as unknown as GuestInfo;

test('addresses of a NIC come from its network and its guest, each once, without link-local ones', () => {
  assert.deepEqual(nicAddresses(mac, [network], guest), ['10.77.0.5', 'fd00::5']);
  assert.deepEqual(nicAddresses(mac, [network], undefined), ['10.77.0.5']);
});

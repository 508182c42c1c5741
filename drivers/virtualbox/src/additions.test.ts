import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readAdditionsFacts } from './additions.ts';

/**
 * Recorded from `VBoxManage guestproperty enumerate VM '/VirtualBox/GuestInfo/*' --no-flags --no-timestamp` of 7.2.22,
 * the properties set by hand with `guestproperty set`: no guest with real Additions was at hand.
 */
const recorded = `/VirtualBox/GuestInfo/Net/0/MAC            = '080027129698'
/VirtualBox/GuestInfo/Net/0/Name           = 'enp0s3'
/VirtualBox/GuestInfo/Net/0/V4/IP          = '10.77.0.10'
/VirtualBox/GuestInfo/Net/0/V4/Netmask     = '255.255.255.0'
/VirtualBox/GuestInfo/Net/Count            = '1'
/VirtualBox/GuestInfo/OS/LoggedInUsersList = 'budi,siti'
/VirtualBox/GuestInfo/OS/Product           = 'Linux'
/VirtualBox/GuestInfo/OS/Release           = '6.1.0-25-amd64'
/VirtualBox/GuestInfo/OS/ServicePack       = 'it's = 'x' @ y'
/VirtualBox/GuestInfo/OS/Version           = '#1 SMP Debian 6.1.106-3'
`;

test('what Guest Additions say', () => {
  assert.deepEqual(readAdditionsFacts(recorded), {
    osInfo: {
      id: null,
      name: 'Linux',
      prettyName: 'Linux',
      version: '#1 SMP Debian 6.1.106-3',
      kernel: '6.1.0-25-amd64',
      machine: null,
    },
    hostname: null,
    fileSystems: [],
    interfaces: [{ name: 'enp0s3', mac: '08:00:27:12:96:98', addresses: ['10.77.0.10/24'] }],
    users: ['budi', 'siti'],
    frozen: null,
  });
});

test('a guest without Additions, and one that lies', () => {
  assert.equal(readAdditionsFacts('No properties found.\n'), null);
  const lies = readAdditionsFacts(`/VirtualBox/GuestInfo/Net/Count = '9999999'\n/VirtualBox/GuestInfo/Net/0/V4/Netmask = '255.0.255.0'\n`);
  assert.equal(lies?.interfaces.length, 32);
  assert.equal(lies?.osInfo, null);
});

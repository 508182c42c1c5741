import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cloudInitFields, cloudInitValues } from './cloud-init-values.ts';

test('a drive reads as the fields of the request that says the same, without its password', () => {
  const values = cloudInitValues({
    user: 'ann',
    hostname: null,
    sshKeys: ['ssh-ed25519 AAAA ann'],
    network: ['net0=dhcp'],
    dns: [],
    searchDomains: [],
    packages: ['vim'],
    userData: null,
    vendorData: null,
    hasPassword: true,
  });
  assert.equal(values['ciUser'], 'ann');
  assert.deepEqual([values['ciPassword'], values['ciHostname'], values['ciPackages']], ['', '', ['vim']]);
  assert.deepEqual(Object.keys(cloudInitValues(null)).toSorted(), [...cloudInitFields].toSorted());
});

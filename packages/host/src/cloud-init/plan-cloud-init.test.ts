import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type CloudInit, NakhodaError, plainCloudInit } from '@nakhoda/schema';
import fc from 'fast-check';
import { parse } from 'yaml';

import { type CloudInitMachine, planCloudInit } from './plan-cloud-init.ts';

const machine: CloudInitMachine = {
  instanceId: 'i-1',
  name: 'web',
  nics: [
    { slot: 'net0', mac: '52:54:00:12:34:56' },
    { slot: 'net1', mac: '02:4e:4b:00:00:01' },
  ],
};
const plan = (config: Partial<CloudInit>, of = machine): Record<string, string> =>
  Object.fromEntries(planCloudInit({ ...plainCloudInit, ...config }, of).map(({ name, content }) => [name, content]));

test('a whole description, to the byte', () => {
  const files = plan({
    user: 'budi',
    passwordHash: '$6$Nk.2026/x$EbMUNDBC',
    hostname: 'web.lab.example',
    sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGXc budi@laptop: "no"'],
    network: ['net1=10.0.0.5/24 via 10.0.0.1', 'net1=fd00::5/64 via fd00::1', 'net0=dhcp', 'net0=auto6'],
    dns: ['10.0.0.1'],
    searchDomains: ['lab.example'],
    packages: ['nginx'],
    vendorData: '#cloud-config\nruncmd: []',
  });
  assert.deepEqual(files, {
    'meta-data': 'instance-id: "i-1"\nlocal-hostname: "web.lab.example"\n',
    'user-data': `#cloud-config
hostname: "web"
fqdn: "web.lab.example"
manage_etc_hosts: true
user:
  name: "budi"
password: "$6$Nk.2026/x$EbMUNDBC"
chpasswd:
  expire: false
ssh_authorized_keys:
  - "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGXc budi@laptop: \\"no\\""
users:
  - "default"
package_update: true
packages:
  - "nginx"
`,
    'vendor-data': '#cloud-config\nruncmd: []\n',
    'network-config': `version: 1
config:
  - type: "physical"
    name: "eth0"
    mac_address: "52:54:00:12:34:56"
    subnets:
      - type: "dhcp4"
      - type: "ipv6_slaac"
  - type: "physical"
    name: "eth1"
    mac_address: "02:4e:4b:00:00:01"
    subnets:
      - type: "static"
        address: "10.0.0.5/24"
        gateway: "10.0.0.1"
      - type: "static6"
        address: "fd00::5/64"
        gateway: "fd00::1"
  - type: "nameserver"
    address:
      - "10.0.0.1"
    search:
      - "lab.example"
`,
  });
});

test('the least: the name of the VM, and DHCP everywhere', () => {
  const files = plan({});
  assert.equal(files['user-data'], '#cloud-config\nhostname: "web"\nmanage_etc_hosts: true\nusers:\n  - "default"\n');
  assert.deepEqual(
    (parse(files['network-config'] ?? '') as { config: { subnets: unknown }[] }).config.map(({ subnets }) => subnets),
    [[{ type: 'dhcp4' }], [{ type: 'dhcp4' }]],
  );
  assert.deepEqual(Object.keys(plan({}, { ...machine, nics: [] })), ['meta-data', 'user-data'], 'no NIC, no network');
});

test('user data of its own stands for all of it', () => {
  assert.equal(plan({ user: 'budi', userData: '#!/bin/sh\necho hello' })['user-data'], '#!/bin/sh\necho hello\n');
});

test('a VM without NICs is told no addresses', () => {
  assert.throws(() => plan({ network: ['net0=dhcp'] }, { ...machine, nics: [] }), /no NIC net0/);
});

const refusals: [string, Partial<CloudInit>][] = [
  ['a NIC that is not there', { network: ['net7=dhcp'] }],
  ['an address without sense', { network: ['net0=10.0.0.300/24'] }],
  ['a prefix that is too long', { network: ['net0=10.0.0.5/33'] }],
  ['a prefix of nothing', { network: ['net0=10.0.0.5/0'] }],
  ['a gateway of another kind', { network: ['net0=10.0.0.5/24 via fd00::1'] }],
  ['two gateways', { network: ['net0=10.0.0.5/24 via 10.0.0.1', 'net0=10.0.1.5/24 via 10.0.1.1'] }],
  ['none and something', { network: ['net0=none', 'net0=dhcp'] }],
  ['a name server that is no address', { dns: ['1.2.3'] }],
  ['user data that cloud-init would ignore', { userData: 'hello' }],
  ['vendor data that cloud-init would ignore', { vendorData: 'users: []' }],
];
for (const [what, config] of refusals) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => plan(config),
      (error: unknown) => error instanceof NakhodaError && error.code === 'vm.spec-invalid' && error.hint !== '',
    );
  });
}

test('whatever the texts are, the documents say them, and nothing else', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(text, { maxLength: 3 }), (hostname, sshKeys) => {
      const files = plan({ hostname, sshKeys, user: 'no' });
      const user = parse(files['user-data'] ?? '', { version: '1.1' }) as Record<string, unknown>;
      assert.deepEqual(user['ssh_authorized_keys'] ?? [], sshKeys);
      assert.deepEqual(user['user'], { name: 'no' });
      assert.equal((parse(files['meta-data'] ?? '', { version: '1.1' }) as Record<string, unknown>)['local-hostname'], hostname);
    }),
  );
});

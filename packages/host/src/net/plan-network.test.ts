import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import type { HostNetworkFacts } from './host-network-facts.ts';
import { parseLinks, parseRoutes } from './host-network-facts.ts';
import { bridgeMac } from './interface-names.ts';
import { planNetwork } from './plan-network.ts';

const empty: HostNetworkFacts = { links: [], routes: [] };
const fixture = (name: string): Promise<string> => readFile(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');
const recorded = async (): Promise<HostNetworkFacts> => ({
  links: parseLinks(await fixture('ip-6.1.0-addr.json')),
  routes: parseRoutes(await fixture('ip-6.1.0-route.json')),
});

test('plans bridge, gateway and DHCP range by size', () => {
  const rows = [
    ['10.77.0.0/24', '10.77.0.1', '10.77.0.10', '10.77.0.254'],
    ['172.16.4.0/29', '172.16.4.1', '172.16.4.2', '172.16.4.6'],
    ['192.168.7.128/26', '192.168.7.129', '192.168.7.138', '192.168.7.190'],
    ['192.168.7.32/27', '192.168.7.33', '192.168.7.34', '192.168.7.62'],
    ['100.64.0.0/16', '100.64.0.1', '100.64.0.10', '100.64.255.254'],
  ] as const;
  for (const [cidr, gateway, from, to] of rows) {
    assert.deepEqual(planNetwork({ name: 'lab', cidr, dhcp: true }, empty), {
      name: 'lab',
      bridge: 'nk-lab',
      cidr,
      gateway,
      dhcp: { from, to },
    });
  }
  assert.equal(planNetwork({ name: 'lab', cidr: '10.77.0.0/24', dhcp: false }, empty).dhcp, null);
});

test('refuses ranges that are none, not private, of a wrong size, or not exact; the hint helps', () => {
  const rows: [string, RegExp][] = [
    ['10.77.0.0', /Write it like/],
    ['10.77.0.0/', /Write it like/],
    ['10.77.0.256/24', /Write it like/],
    ['10.077.0.0/24', /Write it like/],
    ['10.77.0.0/24/24', /Write it like/],
    ['10.77.0.0/33', /Write it like/],
    ['10.77.0.0/+4', /Write it like/],
    ['fd00::/64', /Write it like/],
    [' 10.77.0.0/24', /Write it like/],
    ['10.0.0.0/8', /\/16 to \/29/],
    ['10.77.0.0/30', /\/16 to \/29/],
    ['10.77.0.1/24', /The network is 10\.77\.0\.0\/24/],
    ['192.168.1.77/28', /The network is 192\.168\.1\.64\/28/],
    ['8.8.8.0/24', /Take a part of 10\.0\.0\.0\/8/],
    ['172.32.0.0/16', /Take a part of/],
    ['100.128.0.0/16', /Take a part of/],
    ['127.0.0.0/16', /Take a part of/],
    ['0.0.0.0/16', /Take a part of/],
  ];
  for (const [cidr, hint] of rows) {
    assert.throws(() => planNetwork({ name: 'lab', cidr, dhcp: true }, empty), { code: 'network.cidr-invalid', hint }, cidr);
  }
});

test("refuses names that cannot be an interface's", () => {
  for (const name of ['', 'Lab', '-lab', '1lab', 'lab/../x', 'lab\n', 'a b', 'abcdefghijklm', 'x'.repeat(10_000)]) {
    assert.throws(() => planNetwork({ name, cidr: '10.77.0.0/24', dhcp: true }, empty), { code: 'request.invalid' }, name.slice(0, 20));
  }
});

test('refuses what overlaps an address, a route or another network, and says which', async () => {
  const host = await recorded();
  const refusal = (cidr: string, facts: HostNetworkFacts, others: { name: string; cidr: string }[] = []): string => {
    try {
      planNetwork({ name: 'other', cidr, dhcp: true, others }, facts);
    } catch (error) {
      assert.ok(error instanceof NakhodaError);
      assert.equal(error.code, 'network.cidr-overlap');
      return error.message;
    }
    return '';
  };
  assert.match(refusal('10.77.0.0/16', host), /10\.77\.0\.1\/24 on interface nk-lab/);
  assert.match(refusal('10.77.0.128/26', host), /nk-lab/);
  assert.equal(refusal('10.78.0.0/24', host), '');
  assert.match(
    refusal('10.80.0.0/24', { links: [], routes: [{ destination: '10.80.0.7', device: 'wg0' }] }),
    /route to 10\.80\.0\.7 by wg0/,
  );
  assert.match(refusal('10.80.0.0/24', { links: [], routes: [{ destination: '10.0.0.0/8', device: null }] }), /route to 10\.0\.0\.0\/8,/);
  assert.equal(refusal('10.80.0.0/24', { links: [], routes: [{ destination: 'default', device: 'eth0' }] }), '');
  assert.match(refusal('10.80.0.0/24', empty, [{ name: 'down', cidr: '10.80.0.0/16' }]), /of network down/);
});

test('an interface of that name is refused unless the same owner made it', async () => {
  const host = await recorded();
  const request = { name: 'lab', cidr: '10.77.0.0/24', dhcp: true };
  assert.throws(() => planNetwork(request, host), { code: 'network.bridge-exists', hint: /ip link delete nk-lab/ });
  assert.throws(() => planNetwork({ ...request, owner: 'other123' }, host), { code: 'network.bridge-exists' });
  assert.equal(planNetwork({ ...request, owner: 'test0001' }, host).bridge, 'nk-lab');
  const unmarked = (mac: string): HostNetworkFacts => ({
    ...host,
    links: host.links.map((link) => (link.name === 'nk-lab' ? { ...link, alias: null, mac } : link)),
  });
  assert.throws(() => planNetwork({ ...request, owner: 'test0001' }, unmarked('02:00:00:00:00:01')), { code: 'network.bridge-exists' });
  assert.equal(planNetwork({ ...request, owner: 'test0001' }, unmarked(bridgeMac('test0001', 'lab'))).bridge, 'nk-lab');
});

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { mergeAddresses, parseLeases, parseNeighbours, readLeases } from './leases.ts';

const fixture = (name: string): Promise<string> => readFile(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');
const a = '02:00:00:00:00:0a';
const b = '02:00:00:00:00:0b';

test('leases as dnsmasq writes them; the expired ones dropped', async () => {
  const text = await fixture('dnsmasq-2.90.leases');
  const second = (seconds: number): Date => new Date(seconds * 1000);
  assert.deepEqual(parseLeases(text, second(1795447668)), [
    { mac: a, address: '10.77.0.197', source: 'lease' },
    { mac: b, address: '10.77.0.198', source: 'lease' },
  ]);
  assert.deepEqual(parseLeases(text, second(1795447669)), [{ mac: b, address: '10.77.0.198', source: 'lease' }]);
  assert.deepEqual(parseLeases(text, second(1795447672)), []);
  assert.equal(parseLeases('0 02:00:00:00:00:0A 10.77.0.9 * *\n', new Date())[0]?.mac, a, 'no end; lower case');
  assert.deepEqual(parseLeases('\nduid 00:01\n1795447672 7 fd00::9 * 00:01\nhalf a li', new Date(0)), []);
  assert.deepEqual(await readLeases('/nonexistent/lab.leases'), []);
});

test('neighbours as iproute2 shows them; those that never answered dropped', async () => {
  assert.deepEqual(parseNeighbours(await fixture('ip-6.1.0-neigh.json')), [
    { mac: b, address: '10.77.0.198', source: 'arp' },
    { mac: a, address: '10.77.0.197', source: 'arp' },
  ]);
  assert.deepEqual(parseNeighbours('[{"dst":"10.77.0.3","lladdr":"02:00:00:00:00:0C","state":["FAILED"]}]'), []);
  assert.deepEqual(parseNeighbours(''), []);
});

test('the agent knows better than a lease, a lease better than ARP; the newest lease counts', () => {
  const leases = [
    { mac: a, address: '10.77.0.10', source: 'lease' as const },
    { mac: a, address: '10.77.0.11', source: 'lease' as const },
    { mac: b, address: '10.77.0.20', source: 'lease' as const },
  ];
  const neighbours = [
    { mac: a, address: '10.77.0.99', source: 'arp' as const },
    { mac: '02:00:00:00:00:0c', address: '10.77.0.31', source: 'arp' as const },
    { mac: '02:00:00:00:00:0c', address: '10.77.0.4', source: 'arp' as const },
  ];
  const agent = [
    { mac: b.toUpperCase(), address: '10.77.0.21' },
    { mac: b.toUpperCase(), address: '10.77.0.22' },
  ];
  assert.deepEqual(mergeAddresses({ agent, leases, neighbours, vms: new Map([[b, 101]]) }), [
    { mac: a, address: '10.77.0.11', source: 'lease' },
    { mac: b, address: '10.77.0.21', source: 'agent', vmid: 101 },
    { mac: b, address: '10.77.0.22', source: 'agent', vmid: 101 },
    { mac: '02:00:00:00:00:0c', address: '10.77.0.4', source: 'arp' },
    { mac: '02:00:00:00:00:0c', address: '10.77.0.31', source: 'arp' },
  ]);
});

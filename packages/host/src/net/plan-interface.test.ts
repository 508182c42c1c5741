import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { HostLink } from './host-network-facts.ts';
import { bridgeMac, bridgeName, interfaceMark, networkOwner, tapName } from './interface-names.ts';
import { planBridge, planTap } from './plan-interface.ts';

const owner = 'test0001';
const network = { name: 'lab', bridge: 'nk-lab', cidr: '10.77.0.0/24', gateway: '10.77.0.1', dhcp: null };
const link = (changes: Partial<HostLink>): HostLink => ({
  name: 'nk-lab',
  kind: 'bridge',
  mac: bridgeMac(owner, 'lab'),
  alias: 'nakhoda:test0001:lab',
  up: true,
  carrier: true,
  master: null,
  addresses: ['10.77.0.1/24'],
  ...changes,
});
const lines = ({ commands }: { commands: string[][] }): string[] => commands.map((argv) => argv.join(' '));

test('a bridge is made from nothing, mended from anything, left alone when right', () => {
  const mac = bridgeMac(owner, 'lab');
  const mark = 'ip link set dev nk-lab alias nakhoda:test0001:lab';
  const address = 'ip address replace 10.77.0.1/24 dev nk-lab';
  const up = 'ip link set dev nk-lab up';
  assert.deepEqual(lines(planBridge(network, owner, null)), [
    `ip link add name nk-lab address ${mac} type bridge stp_state 0 forward_delay 0`,
    mark,
    address,
    up,
  ]);
  assert.deepEqual(lines(planBridge(network, owner, link({}))), []);
  assert.deepEqual(lines(planBridge(network, owner, link({ up: false }))), [up]);
  assert.deepEqual(lines(planBridge(network, owner, link({ alias: null, up: false, addresses: [] }))), [mark, address, up]);
  assert.deepEqual(lines(planBridge(network, owner, link({ addresses: ['10.99.0.1/24'] }))), [
    'ip address delete 10.99.0.1/24 dev nk-lab',
    address,
  ]);
});

test("what is not ours is refused: another owner's, an unmarked one, another kind of interface", () => {
  const foreign = [{ alias: 'nakhoda:other123:lab' }, { alias: null, mac: '02:00:00:00:00:01' }, { alias: 'uplink' }, { kind: 'dummy' }];
  for (const changes of foreign) {
    assert.throws(() => planBridge(network, owner, link(changes)), { code: 'network.bridge-exists' }, JSON.stringify(changes));
  }
});

test('a TAP likewise', () => {
  const spec = { tap: 'nkab100n0', bridge: 'nk-lab' };
  const tap = (changes: Partial<HostLink>): HostLink =>
    link({ name: spec.tap, kind: 'tun', alias: 'nakhoda:test0001:nkab100n0', master: 'nk-lab', addresses: [], ...changes });
  assert.deepEqual(lines(planTap({ ...spec, mac: '6e:6b:00:00:00:01' }, owner, null)), [
    'ip tuntap add dev nkab100n0 mode tap',
    'ip link set dev nkab100n0 alias nakhoda:test0001:nkab100n0',
    'ip link set dev nkab100n0 address 6e:6b:00:00:00:01',
    'ip link set dev nkab100n0 master nk-lab',
    'ip link set dev nkab100n0 up',
  ]);
  assert.deepEqual(lines(planTap(spec, owner, tap({}))), []);
  const owned = { ...spec, user: 1_900_000_100 };
  const made = 'ip tuntap add dev nkab100n0 mode tap user 1900000100';
  assert.equal(lines(planTap(owned, owner, null))[0], made);
  assert.deepEqual(lines(planTap(owned, owner, tap({ tapUser: 1_900_000_100 }))), []);
  // Another user's is made anew, unless somebody has it open.
  assert.deepEqual(lines(planTap(owned, owner, tap({ carrier: true }))), []);
  const anew = planTap(owned, owner, tap({ carrier: false, tapUser: 1 }));
  assert.deepEqual(lines(anew).slice(0, 2), ['ip link delete dev nkab100n0', made]);
  assert.ok(anew.creates);
  assert.deepEqual(lines(planTap(spec, owner, tap({ master: 'nk-old' }))), ['ip link set dev nkab100n0 master nk-lab']);
  assert.equal(planTap(spec, owner, tap({ alias: null, master: null, up: false })).commands.length, 3);
  for (const changes of [{ alias: 'nakhoda:other123:nkab100n0' }, { alias: null }, { kind: 'veth' }]) {
    assert.throws(() => planTap(spec, owner, tap(changes)), { code: 'network.bridge-exists' }, JSON.stringify(changes));
  }
});

test("names fit Linux's 15 characters, differ, and no TAP is called like a bridge", () => {
  const owners = ['test0001', 'a'.repeat(16), networkOwner('/srv/one'), networkOwner('/srv/two')];
  const names = new Set<string>();
  for (const owner of owners) {
    for (const vmid of [100, 101, 1000, 999_999_999]) {
      for (const slot of ['net0', 'net1', 'net9']) {
        const name = tapName({ owner, vmid, slot });
        assert.match(name, /^nk[a-z]{2}[1-9][0-9]{2,8}n[0-9]$/);
        assert.ok(name.length <= 15, name);
        names.add(name);
      }
    }
  }
  assert.equal(names.size, owners.length * 4 * 3);
  assert.equal(bridgeName('abcdefghijkl').length, 15);
  assert.equal(tapName({ owner, vmid: 100, slot: 'net0' }), 'nkfr100n0');
});

test('numbers, slots and owners out of range are refused before they reach a tool', () => {
  for (const vmid of [99, 1_000_000_000, 100.5, Number.NaN]) assert.throws(() => tapName({ owner, vmid, slot: 'net0' }), RangeError);
  for (const slot of ['net', 'net10', 'disk0', 'net0\n']) assert.throws(() => tapName({ owner, vmid: 100, slot }), RangeError);
  for (const bad of ['', 'abc', 'a'.repeat(17), 'Test0001', 'a;b;', 'a b c']) assert.throws(() => interfaceMark(bad, 'lab'), RangeError);
  assert.match(networkOwner('/var/lib/nakhoda'), /^[0-9a-f]{8}$/);
});

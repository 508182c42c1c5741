import assert from 'node:assert/strict';
import { test } from 'node:test';

import { allocatePortPair } from './allocate-port-pair.ts';
import { attachmentFor } from './attachment-for.ts';
import { dnsmasqArgv, dnsmasqUser } from './dnsmasq-argv.ts';

const nic = { network: 'lab', tap: 'nkab100n0', ports: { localPort: 20000, peerPort: 20001 } };

test("the best of a hypervisor's ways onto a bridge is taken", () => {
  assert.deepEqual(attachmentFor(['tap', 'none'], nic), { kind: 'tap', tap: 'nkab100n0' });
  assert.deepEqual(attachmentFor(['udp-tunnel', 'bridged', 'none'], nic), { kind: 'bridged', interface: 'nkab100n0' });
  assert.deepEqual(attachmentFor(['udp-tunnel', 'none'], nic), { kind: 'udp-tunnel', localPort: 20000, peerPort: 20001 });
  assert.deepEqual(attachmentFor(['tap'], { ...nic, network: null }), { kind: 'none' });
  assert.throws(() => attachmentFor(['none'], nic), { code: 'vm.unsupported' });
});

test('port pairs skip what is given out and what is bound, and run out with an error', async () => {
  const isFree = async (port: number): Promise<boolean> => port !== 20002;
  assert.deepEqual(await allocatePortPair([], { isFree }), { localPort: 20000, peerPort: 20001 });
  assert.deepEqual(await allocatePortPair([20000], { isFree }), { localPort: 20001, peerPort: 20003 });
  await assert.rejects(allocatePortPair([20000, 20001], { isFree, to: 20003 }), { code: 'network.failed' });
});

test("dnsmasq's command line", () => {
  const network = {
    name: 'lab',
    bridge: 'nk-lab',
    cidr: '10.77.0.0/26',
    gateway: '10.77.0.1',
    dhcp: { from: '10.77.0.10', to: '10.77.0.62' },
  };
  assert.deepEqual(dnsmasqArgv(network, { leaseFile: '/srv/lab.leases', user: 'dnsmasq' }), [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--port=0',
    '--bind-interfaces',
    '--interface=nk-lab',
    '--except-interface=lo',
    '--dhcp-range=10.77.0.10,10.77.0.62,255.255.255.192,1h',
    '--dhcp-lease-max=53',
    '--dhcp-leasefile=/srv/lab.leases',
    '--pid-file=',
    '--dhcp-authoritative',
    '--dhcp-option=3',
    '--dhcp-option=6',
    '--no-hosts',
    '--no-resolv',
    '--quiet-dhcp',
    '--log-facility=-',
    '--user=dnsmasq',
  ]);
  assert.throws(() => dnsmasqArgv({ ...network, dhcp: null }, { leaseFile: '/srv/lab.leases', user: 'root' }), TypeError);
});

test('dnsmasq becomes its own account, else nobody, else root', () => {
  assert.equal(dnsmasqUser('root:x:0:0\nnobody:x:65534:65534\ndnsmasq:x:999:65534'), 'dnsmasq');
  assert.equal(dnsmasqUser('root:x:0:0\nnobody:x:65534:65534\n'), 'nobody');
  assert.equal(dnsmasqUser('root:x:0:0\nmydnsmasq:x:1:1'), 'root');
});

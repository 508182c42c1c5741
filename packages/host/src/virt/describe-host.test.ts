import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { HostFact } from '@nakhoda/schema';

import type { HypervisorFinding } from './describe-host.ts';
import { describeHost } from './describe-host.ts';
import type { HostReadings } from './read-host.ts';

const works = { works: true, detail: '' } as const;
const good: HostReadings = {
  cpu: { model: 'A Processor', flags: new Set(['vmx']), cores: 4 },
  memory: { totalBytes: 8 * 1024 ** 3, availableBytes: 6 * 1024 ** 3 },
  load: [0.5, 0.4, 0.3],
  kernel: '6.8.0',
  root: true,
  modules: new Map([
    ['kvm', null],
    ['kvm_intel', null],
    ['vboxdrv', '7.2.22'],
    ['vboxnetflt', '7.2.22'],
  ]),
  kvmTakesVirtualizationAtLoad: null,
  kvm: { ok: true, reason: 'Proven.', seconds: 0.1, rawOutput: '' },
  accelerators: ['tcg', 'kvm'],
  bridge: works,
  tap: works,
  firewall: works,
  dhcp: { works: true, detail: 'Dnsmasq version 2.90  Copyright (c) 2000-2024 Simon Kelley' },
  perl: { works: true, detail: 'perl v5.36.0' },
  bridgeFilter: false,
  forwardDrops: false,
};
const qemu: HypervisorFinding = {
  id: 'qemu',
  result: { usable: true, version: '7.2.22', execution: { mode: 'kvm', reason: 'Proven.' }, reasons: [] },
};
const absent: HypervisorFinding = {
  id: 'virtualbox',
  result: {
    usable: false,
    version: null,
    execution: null,
    reasons: ['VirtualBox is not installed.'],
    remedy: './nakhoda setup virtualbox',
  },
};

function fact(id: string, changes: Partial<HostReadings> = {}, hypervisors: HypervisorFinding[] = [qemu]): HostFact | undefined {
  return describeHost({ ...good, ...changes }, hypervisors).find((candidate) => candidate.id === id);
}

test('a good host has nothing to remedy', () => {
  for (const { id, status, remedy } of describeHost(good, [qemu])) {
    assert.match(status, /good|information/, id);
    assert.equal(remedy, undefined, id);
  }
  assert.equal(fact('qemu')?.value, '7.2.22, runs guests by kvm, built with tcg, kvm');
  assert.equal(fact('dhcp')?.value, '2.90');
  assert.equal(fact('virtualbox-driver')?.value, '7.2.22');
});

test('what is missing or limited says why and what to do', () => {
  const none = new Map<string, null>();
  const fails = { works: false, detail: 'Operation not permitted' } as const;
  const rows: [id: string, changes: Partial<HostReadings>, status: HostFact['status'], text: RegExp][] = [
    ['cpu-virtualization', { cpu: { ...good.cpu, flags: new Set() } }, 'missing', /firmware's set-up/],
    ['cpu-virtualization', { cpu: { ...good.cpu, flags: new Set(['hypervisor']) } }, 'missing', /virtual machine.*nested virtualization/s],
    ['memory', { memory: { totalBytes: 2 ** 31, availableBytes: 2 ** 29 } }, 'limited', /Less than 1 GiB/],
    ['load', { load: [5, 1, 1] }, 'limited', /cores \(4\)/],
    ['kvm', { kvm: null }, 'missing', /nakhoda setup/],
    ['kvm', { kvm: { ok: false, reason: 'It died.', remedy: 'Use TCG.', seconds: 2, rawOutput: '' } }, 'missing', /It died\..*Use TCG/s],
    ['virtualbox-driver', { modules: none }, 'limited', /virtualbox-dkms/],
    ['virtualbox-driver', { modules: new Map([['vboxdrv', null]]) }, 'limited', /modprobe vboxnetflt/],
    ['virtualization-sharing', { kvmTakesVirtualizationAtLoad: true }, 'limited', /enable_virt_at_load=0/],
    ['bridging', { bridge: fails }, 'missing', /No bridge.*CAP_NET_ADMIN/s],
    ['bridging', { tap: fails, root: false }, 'missing', /No TAP.*as root/s],
    ['dhcp', { dhcp: fails }, 'missing', /nakhoda setup/],
    ['relay', { perl: fails }, 'missing', /nakhoda setup/],
    ['firewall', { firewall: fails }, 'limited', /nakhoda setup/],
    ['bridge-filter', { bridgeFilter: true, forwardDrops: true }, 'limited', /iptables -I FORWARD/],
  ];
  for (const [id, changes, status, text] of rows) {
    const found = fact(id, changes);
    assert.equal(found?.status, status, id);
    assert.match(`${found?.reason} ${found?.remedy}`, text);
  }
  assert.partialDeepStrictEqual(fact('virtualbox', {}, [absent]), {
    status: 'missing',
    value: 'absent',
    remedy: './nakhoda setup virtualbox',
  });
});

test('lines that say nothing here are left out', () => {
  assert.equal(fact('virtualization-sharing'), undefined);
  assert.equal(fact('virtualization-sharing', { kvmTakesVirtualizationAtLoad: false })?.status, 'good');
  assert.equal(fact('bridge-filter', { bridgeFilter: true }), undefined);
  assert.equal(fact('bridge-filter', { forwardDrops: true }), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { HostFact, Network, StoragePool, Task } from '@nakhoda/schema';

import { exampleHypervisor } from '../testing/example-hypervisor.ts';
import { exampleVm } from '../testing/example-vm.ts';
import { capacityOf } from './capacity.ts';
import { cloneName, linkedOffer } from './clone-choices.ts';
import { firstChecks } from './first-checks.ts';
import { freeCidr } from './free-cidr.ts';
import { planTour, tourTag, type TourFacts } from './tour.ts';

const fact = (id: string, status: HostFact['status']): HostFact => ({ id, title: id, value: `${id} here`, status, reason: 'since' });
const pool = (freeGiB: number): StoragePool => ({
  name: 'local',
  node: 'local',
  kind: 'directory',
  path: '/data',
  totalBytes: 2 ** 40,
  freeBytes: freeGiB * 2 ** 30,
  content: ['images', 'iso'],
});

test('there are five checks; the network is as good as its worst part', () => {
  const checks = firstChecks(
    [
      fact('qemu', 'good'),
      fact('cpu-virtualization', 'missing'),
      fact('bridging', 'good'),
      fact('dhcp', 'limited'),
      fact('kernel', 'information'),
    ],
    [pool(5)],
  );
  assert.deepEqual(
    checks.map(({ id, status }) => [id, status]),
    [
      ['qemu', 'good'],
      ['virtualbox', 'unknown'],
      ['virtualization', 'missing'],
      ['network', 'limited'],
      ['disk', 'limited'],
    ],
  );
  assert.equal(firstChecks([], [pool(0.5)])[4]?.status, 'missing');
  assert.equal(firstChecks([], [])[4]?.status, 'unknown');
});

test('a free range overlaps no network', () => {
  assert.equal(freeCidr([]), '10.77.0.0/24');
  assert.equal(freeCidr([], 1), '10.78.0.0/24');
  assert.equal(freeCidr([{ cidr: '10.77.0.0/24' }, { cidr: '10.78.0.128/25' }]), '10.79.0.0/24');
  assert.equal(freeCidr([{ cidr: '10.64.0.0/10' }]), '10.128.0.0/24');
  assert.equal(freeCidr([{ cidr: 'nonsense' }]), '10.77.0.0/24');
});

test('what runs takes memory, what is stopped does not', () => {
  const vms = [exampleVm({ state: 'running', memoryMiB: 4096 }), exampleVm({ state: 'stopped', memoryMiB: 4096 })];
  const context = { vms, hypervisor: exampleHypervisor(), pools: [pool(10)] };
  assert.deepEqual(capacityOf({ memoryMiB: 4096, diskGiB: 10 }, context), {
    memory: { takenMiB: 4096, wantedMiB: 4096, totalMiB: 8192 },
    disk: { freeGiB: 10, wantedGiB: 10 },
    warnings: [],
  });
  assert.deepEqual(capacityOf({ memoryMiB: 4097, diskGiB: 11 }, context).warnings, ['memory', 'disk']);
  assert.equal(capacityOf({ memoryMiB: 1, diskGiB: 1 }, { ...context, hypervisor: undefined, pools: undefined }).disk, null);
});

test('a linked clone lies on what does not change; a name is free and short enough', () => {
  assert.deepEqual(linkedOffer({ template: false }, null), { offered: false, reason: 'changing-disks' });
  assert.deepEqual(linkedOffer({ template: false }, 'clean'), { offered: true });
  assert.deepEqual(linkedOffer({ template: true }, null), { offered: true });
  assert.equal(cloneName('web', ['WEB-clone', 'web-clone2']), 'web-clone3');
  assert.equal(cloneName('a'.repeat(63), []), `${'a'.repeat(57)}-clone`);
});

test('the tour tells by what there is where it stands', () => {
  const task = (id: string, state: Task['state']) => ({ id, state, endedAt: state === 'running' ? null : 'x' }) as Task;
  const facts: TourFacts = {
    hypervisors: [exampleHypervisor(), exampleHypervisor({ id: 'virtualbox', usable: false })],
    networks: [],
    vms: [],
    tasks: [],
    given: {},
  };
  const states = (over: Partial<TourFacts>) => planTour({ ...facts, ...over }).map(({ id, state }) => `${id} ${state}`);
  const networks = [{ name: 'tour', cidr: '10.77.0.0/24' } as Network];
  const vm = exampleVm({ name: 'tour-qemu', tags: [tourTag], state: 'running' });
  assert.deepEqual(states({}), ['network open', 'qemu waiting']);
  assert.deepEqual(states({ given: { network: 't1' }, tasks: [task('t1', 'running')] }), ['network working', 'qemu waiting']);
  assert.deepEqual(states({ given: { network: 't1' }, tasks: [task('t1', 'failed')] }), ['network failed', 'qemu waiting']);
  assert.deepEqual(states({ networks }), ['network done', 'qemu open']);
  assert.deepEqual(states({ networks, vms: [vm], given: { qemu: 't2' }, tasks: [task('t2', 'running')] }), [
    'network done',
    'qemu working',
  ]);
  assert.deepEqual(states({ networks, vms: [vm] }), ['network done', 'qemu done']);
  assert.deepEqual(states({ networks, vms: [{ ...vm, state: 'stopped' }], given: { qemu: 't2' }, tasks: [task('t2', 'succeeded')] }), [
    'network done',
    'qemu open',
  ]);
  // Somebody else's VM of that name is no part of it.
  assert.deepEqual(states({ networks, vms: [{ ...vm, tags: [] }] }), ['network done', 'qemu open']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultNic, fixedHardware } from '@nakhoda/driver';
import type { VmCreate } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema';
import fc from 'fast-check';

import { exampleFacts } from '../testing/example-vm.ts';
import { planVm, type VmPlanFacts } from './vm-planner.ts';

const facts: VmPlanFacts = { ...exampleFacts, takenVmids: new Set([100, 101, 103]), takenNames: new Set(['web']) };

test('the defaults, the next free vmid, and a MAC address of our own', () => {
  const spec = planVm({ name: 'db', hypervisor: 'qemu', network: 'lab' }, facts);
  assert.equal(spec.vmid, 102);
  assert.equal(spec.cores, 1);
  assert.equal(spec.memoryMiB, 512);
  assert.deepEqual(spec.disks, [
    { slot: 'disk0', volume: 'local:images/102/disk-0.qcow2', format: 'qcow2', sizeGiB: 4, ...defaultDisk(fixedHardware) },
  ]);
  assert.deepEqual(spec.nics, [{ slot: 'net0', network: 'lab', mac: '02:4e:4b:01:02:ff', ...defaultNic(fixedHardware) }]);
});

const refusals: [string, Partial<VmCreate>, string][] = [
  ['a taken name, whatever its case', { name: 'WEB' }, 'vm.name-taken'],
  ['a taken vmid', { vmid: 103 }, 'vm.vmid-taken'],
  ['an unknown network', { network: 'nowhere' }, 'network.not-found'],
  ['an unknown node', { node: 'elsewhere' }, 'node.not-found'],
  ['too little memory', { memoryMiB: 16 }, 'vm.spec-invalid'],
  ['more memory than the host has', { memoryMiB: 4097 }, 'vm.spec-invalid'],
  ['too many cores', { cores: 9 }, 'vm.spec-invalid'],
  ['a disk larger than the pool', { diskGiB: 101 }, 'storage.too-large'],
];
for (const [what, request, code] of refusals) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => planVm({ name: 'db', hypervisor: 'qemu', ...request }, facts),
      (error: unknown) => error instanceof NakhodaError && error.code === code && error.hint.length > 0,
    );
  });
}

test('the chosen vmid is always free, at least 100, and the smallest such', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 100, max: 140 })), (taken) => {
      const takenVmids = new Set(taken);
      const { vmid } = planVm({ name: 'db', hypervisor: 'qemu' }, { ...facts, takenVmids });
      assert.ok(!takenVmids.has(vmid));
      for (let smaller = 100; smaller < vmid; smaller += 1) assert.ok(takenVmids.has(smaller));
    }),
  );
});

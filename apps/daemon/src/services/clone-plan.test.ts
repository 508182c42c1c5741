import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Snapshot, VmClone } from '@nakhoda/schema';

import { exampleDisk, exampleFacts, exampleRecord } from '../testing/example-vm.ts';
import { planClone } from './clone-plan.ts';
import type { VmRecord } from './vm-record.ts';

const source = exampleRecord({
  ...{ notes: '# web', tags: ['lab'], protection: true, memoryMiB: 1024, hostDevices: ['usb:1234:5678'], crashPolicy: 'restart' },
  disks: [exampleDisk('disk0', 'disk-0.qcow2'), exampleDisk('disk1', 'disk-4.qcow2')],
});
const template = exampleRecord({ template: true });
const snapshot: Snapshot = {
  ...{ name: 's1', parent: null, description: '', createdAt: '2026-01-01T00:00:00.000Z', memory: false, current: true },
  disks: ['disk0'],
};
const facts = {
  ...exampleFacts,
  ...{ uuid: '22222222-2222-4333-8444-555555555555', takenVmids: new Set([100]), takenNames: new Set(['web']) },
  freshMac: (index: number) => `02:4e:4b:00:01:0${index}`,
};
const plan = (request: Partial<VmClone> = {}, from: VmRecord = source, of: Snapshot | null = null) =>
  planClone({ name: 'copy', ...request }, from, of, facts);

test('a clone has its own identity, and everything else of its source', () => {
  const { spec, left } = plan({ vmid: 200 });
  assert.deepEqual(spec, {
    ...source.spec,
    ...{ vmid: 200, name: 'copy', uuid: facts.uuid, protection: false, hostDevices: [], linkedTo: null },
    disks: source.spec.disks.map((disk) => ({ ...disk, volume: disk.volume.replace('/100/', '/200/') })),
    nics: source.spec.nics.map((nic) => ({ ...nic, mac: '02:4e:4b:00:01:00' })),
  });
  assert.deepEqual(left, ['Devices of the host stay with web: usb:1234:5678.']);
});

test('of a snapshot it has the disks that are part of it, linked or whole', () => {
  for (const linked of [true, false]) {
    const { spec } = plan({ linked }, source, snapshot);
    assert.deepEqual(
      spec.disks.map(({ slot }) => slot),
      ['disk0'],
    );
    assert.deepEqual(spec.linkedTo, linked ? { vmid: 100, snapshot: 's1' } : null);
  }
});

test('clones of a template are linked unless whole ones are asked for, and no templates', () => {
  assert.deepEqual(plan({}, template).spec.linkedTo, { vmid: 100, snapshot: null });
  assert.equal(plan({ linked: false }, template).spec.linkedTo, null);
  assert.equal(plan({}, template).spec.template, false);
});

test('refuses a link to disks that go on changing, what others have, and more than there is room for', () => {
  assert.throws(() => plan({ linked: true }), { code: 'vm.wrong-state', hint: /--snapshot.*--template yes/u });
  assert.throws(() => plan({ name: 'WEB' }), { code: 'vm.name-taken' });
  assert.throws(() => plan({ vmid: 100 }), { code: 'vm.vmid-taken' });
  const large = exampleRecord({ template: true, disks: [{ ...exampleDisk('disk0', 'disk-0.qcow2'), sizeGiB: 101 }] });
  assert.throws(() => plan({ linked: false }, large), { code: 'storage.too-large' });
  assert.ok(plan({}, large).spec.linkedTo, 'a linked one takes no room at first');
});

test('refuses images that an adopted VM keeps in a format that is not copied', () => {
  for (const format of ['vmdk', 'vhd'] as const) {
    const disks = [{ ...exampleDisk('disk0', 'disk-0.qcow2'), format }];
    assert.throws(() => plan({}, exampleRecord({ disks })), { code: 'vm.unsupported', message: /only VDI images are cloned/u });
  }
});

test('tells of addresses in its cloud-init drive', () => {
  const cloudInit = {
    user: 'a',
    passwordHash: null,
    sshKeys: [],
    network: ['net0=10.0.0.5/24'],
    packages: [],
    userData: null,
    vendorData: null,
  };
  const { left } = plan({}, exampleRecord({ cloudInit: cloudInit as never }));
  assert.match(left.join(), /addresses of its source/u);
});

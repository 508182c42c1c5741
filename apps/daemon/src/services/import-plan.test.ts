import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DiskImage, ForeignMachine } from '@nakhoda/host';
import type { VmImport } from '@nakhoda/schema';

import { exampleFacts } from '../testing/example-vm.ts';
import { planImport } from './import-plan.ts';

const gib = 1024 ** 3;
const facts = {
  ...exampleFacts,
  takenVmids: new Set([100]),
  takenMacs: new Set(['52:54:00:00:00:01']),
  freshMac: (index: number) => `02:4e:4b:00:00:0${index}`,
};
const machine: ForeignMachine = {
  name: 'web',
  cores: 2,
  sockets: 2,
  memoryMiB: 1024,
  machine: 'i440fx',
  firmware: 'bios',
  disks: [
    { path: '/a.qcow2', format: 'qcow2', bus: 'virtio' },
    { path: '/b.raw', format: 'raw', bus: 'ide' },
  ],
  nics: [
    { mac: '52:54:00:00:00:01', model: 'virtio' },
    { mac: '52:54:00:00:00:02', model: 'e1000' },
  ],
  notes: '',
  left: [],
};
const images: DiskImage[] = [
  { format: 'qcow2', virtualSizeBytes: 10 * gib, snapshots: ['old'] },
  { format: 'raw', virtualSizeBytes: gib / 2, snapshots: [] },
];
const request: VmImport = { source: '/web.xml', hypervisor: 'qemu', network: 'lab' };

test('a machine as it was, as near as the hypervisor gives it; what differs is told', () => {
  const { spec, disks, left } = planImport(request, machine, images, facts);
  assert.deepEqual([spec.vmid, spec.name, spec.cores, spec.sockets, spec.memoryMiB, spec.machine], [101, 'web', 4, 1, 1024, 'q35']);
  assert.deepEqual(
    spec.disks.map(({ slot, volume, sizeGiB, bus }) => [slot, volume, sizeGiB, bus]),
    [
      ['disk0', 'local:images/101/disk-0.qcow2', 10, 'virtio'],
      ['disk1', 'local:images/101/disk-1.qcow2', 0.5, 'virtio'],
    ],
  );
  assert.deepEqual(disks, [
    { source: '/a.qcow2', format: 'qcow2', slot: 'disk0' },
    { source: '/b.raw', format: 'raw', slot: 'disk1' },
  ]);
  assert.deepEqual(
    spec.nics.map(({ slot, mac, model, network }) => [slot, mac, model, network]),
    [
      ['net0', '02:4e:4b:00:00:00', 'virtio', 'lab'],
      ['net1', '52:54:00:00:00:02', 'virtio', 'lab'],
    ],
  );
  assert.deepEqual(left, [
    'Its chipset was i440fx; qemu gives q35 here.',
    "Its disk 1's bus was ide; qemu gives virtio here.",
    'The snapshots inside disk 0 (old) are not taken over.',
    'The MAC address 52:54:00:00:00:01 cannot be used again, so NIC 0 gets another.',
    "Its NIC 1's model was e1000; qemu gives virtio here.",
  ]);
});

test('what the request names goes before what the machine had; without a network it has no NIC', () => {
  const { network: _network, ...without } = request;
  const { spec, left } = planImport(
    { ...without, name: 'db', vmid: 200, cores: 1, memoryMiB: 64, diskBus: 'scsi' },
    machine,
    images,
    facts,
  );
  assert.deepEqual([spec.vmid, spec.name, spec.cores, spec.sockets, spec.memoryMiB], [200, 'db', 1, 1, 64]);
  assert.deepEqual(
    spec.disks.map(({ bus }) => bus),
    ['scsi', 'scsi'],
    'the driver refuses it if it does not give it',
  );
  assert.deepEqual(spec.nics, []);
  assert.ok(left.includes('Its NICs are left out, for no --network was given.'));
});

test('a NIC is made for an image alone when there is a network; too much is refused', () => {
  const image = { ...machine, disks: machine.disks.slice(0, 1), nics: [] };
  assert.equal(planImport(request, image, images.slice(0, 1), facts).spec.nics.length, 1);
  const huge = [{ ...images[0]!, virtualSizeBytes: 101 * gib }];
  assert.throws(() => planImport(request, image, huge, facts), { code: 'storage.too-large' });
  const many = { ...machine, nics: Array.from({ length: 11 }, () => ({ mac: null, model: 'virtio' as const })) };
  assert.throws(() => planImport(request, many, images, facts), { code: 'vm.spec-invalid' });
});

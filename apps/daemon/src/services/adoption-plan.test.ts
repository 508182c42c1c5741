import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultHardware, fixedHardware, type FoundHardware } from '@nakhoda/driver';
import type { Capabilities, ForeignVm } from '@nakhoda/schema';

import { planAdoption } from './adoption-plan.ts';
import { takenMacs } from './mac-addresses.ts';
import { toMachineSpec } from './vm-record.ts';
import { dataFolders } from '../config.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const vm: ForeignVm = {
  ...{
    user: 'ann',
    name: 'web server',
    uuid,
    file: '/home/ann/web/web.vbox',
    state: 'stopped',
    osType: 'Debian_64',
    cores: 2,
    memoryMiB: 512,
  },
  ...{ disks: [], snapshots: 2, adoptable: true, reasons: [] },
};
const found: FoundHardware = {
  ...{
    hardware: { ...defaultHardware(fixedHardware), audio: true },
    cores: 2,
    memoryMiB: 512,
    cdrom: '/home/ann/a.iso',
    notes: 'hers',
    left: [],
  },
  disks: [
    {
      slot: 'disk0',
      path: '/home/ann/web/web.vdi',
      sizeBytes: 8 * 1024 ** 2,
      format: 'vdi',
      bus: 'sata',
      cache: 'none',
      discard: true,
      ssd: false,
      iopsLimit: 0,
      mbpsLimit: 0,
    },
  ],
  nics: [{ slot: 'net1', mac: '08:00:27:00:00:02', model: 'e1000' }],
  adopted: {
    found: {
      drives: [],
      controllers: [],
      nics: [
        { slot: 'net0', mac: '08:00:27:00:00:01' },
        { slot: 'net1', mac: '08:00:27:00:00:02' },
      ],
      folders: ['/home/ann/web'],
    },
  },
};
const facts: Parameters<typeof planAdoption>[2] = {
  ...{ node: 'local', takenVmids: new Set([100]), takenNames: new Set(['old']), networks: new Set(['lab']), takenMacs: new Set<string>() },
  ...{ pool: { name: 'local', totalBytes: 1e12 }, hostMemoryMiB: 4096, uuid: 'x', macBytes: [1, 2, 3], now: '2026-01-01T00:00:00.000Z' },
  capabilities: { hardware: fixedHardware, diskFormat: 'vdi', minMemoryMiB: 4, maxMemoryMiB: 4096, maxCores: 4 } as unknown as Capabilities,
  takenUuids: new Set(),
};

test('a foreign VM becomes a VM of ours, its disks by their own paths', () => {
  const spec = planAdoption({ network: 'lab' }, { vm, found }, facts);
  assert.deepEqual([spec.vmid, spec.name, spec.uuid, spec.cores, spec.audio, spec.notes], [101, 'web-server', uuid, 2, true, 'hers']);
  assert.deepEqual(
    spec.nics.map(({ slot, mac, network }) => [slot, mac, network]),
    [['net1', '08:00:27:00:00:02', 'lab']],
  );
  const machine = toMachineSpec({ spec, attachments: {}, cdromPath: found.cdrom }, dataFolders('/srv'));
  assert.deepEqual([machine.disks[0]?.path, machine.disks[0]?.sizeBytes], ['/home/ann/web/web.vdi', 8 * 1024 ** 2]);
  assert.equal(machine.found, found.adopted.found);
  // The card without a network keeps its address to itself.
  assert.deepEqual([...takenMacs([{ spec, attachments: {}, cdromPath: null }])].toSorted(), ['08:00:27:00:00:01', '08:00:27:00:00:02']);
  // A copy has another vmid, and is no adopted VM.
  assert.equal(toMachineSpec({ spec: { ...spec, vmid: 102 }, attachments: {}, cdromPath: null }, dataFolders('/srv')).found, undefined);
});

test('what cannot be is refused before anything is touched', () => {
  const code = (change: Partial<typeof facts>, request: Parameters<typeof planAdoption>[0] = {}, name = vm.name): unknown => {
    try {
      planAdoption(request, { vm: { ...vm, name }, found }, { ...facts, ...change });
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return null;
  };
  assert.equal(code({ takenUuids: new Set([uuid]) }), 'foreign.not-adoptable');
  assert.equal(code({ takenMacs: new Set(['08:00:27:00:00:01']) }), 'vm.mac-taken');
  assert.equal(code({ takenNames: new Set(['web-server']) }), 'vm.name-taken');
  assert.equal(code({}, { vmid: 100 }), 'vm.vmid-taken');
  assert.equal(code({}, { network: 'none' }), 'network.not-found');
  assert.equal(code({}, {}, '日本'), 'request.invalid');
  assert.equal(code({}, { name: 'jp' }, '日本'), null);
});

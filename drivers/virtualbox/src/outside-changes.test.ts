import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineSpec } from '@nakhoda/driver';

import { hardwareSupport } from './hardware.ts';
import { parseMachine } from './machine-file.ts';
import { outsideChanges } from './outside-changes.ts';

const observed = parseMachine(readFileSync(new URL('./fixtures/nakhoda-100.vbox', import.meta.url), 'utf8')) ?? assert.fail();
const support = hardwareSupport('interpreter');
const spec: MachineSpec = {
  vmid: 100,
  name: 'tiny-a',
  uuid: observed.uuid,
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(support),
  directory: '/tmp/nakhoda-data/images/100',
  runtimeDirectory: '/tmp/nakhoda-data/run/100',
  disks: [
    { slot: 'disk0', path: '/tmp/nakhoda-data/images/100/disk0.vdi', format: 'vdi', sizeBytes: 1024 * 1024, ...defaultDisk(support) },
  ],
  cdrom: '/tmp/nakhoda-data/tiny.iso',
  nics: [{ slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'none' }, ...defaultNic(support) }],
};

test("a cloud-init drive's image is one of its CD images", () => {
  const [first] = observed.attachments;
  assert.ok(first);
  const drive = { ...first, port: 1, device: 1, type: 'DVD' as const, mediumUuid: null, baseLocation: '/tmp/ci.iso' };
  const there = { ...observed, attachments: [...observed.attachments, drive] };
  assert.deepEqual(outsideChanges({ ...spec, cloudInit: '/tmp/ci.iso' }, there), []);
  assert.equal(outsideChanges(spec, there).length, 1);
});

test('a machine as it was defined has none, also with snapshots', () => {
  assert.deepEqual(outsideChanges(spec, observed), []);
});

test('a CD image that is listed with another machine is no difference', () => {
  const attachments = observed.attachments.map((drive) => (drive.type === 'DVD' ? { ...drive, baseLocation: null } : drive));
  assert.deepEqual(outsideChanges(spec, { ...observed, attachments }), []);
});

test('every difference is told', () => {
  assert.deepEqual(outsideChanges({ ...spec, cores: 2, memoryMiB: 256, disks: [], cdrom: null, nics: [] }, observed), [
    'cores: VirtualBox has 1, Nakhoda wants 2.',
    'memory: VirtualBox has 128 MiB, Nakhoda wants 256 MiB.',
    'disks: VirtualBox has /tmp/nakhoda-data/images/100/disk0.vdi, Nakhoda wants none.',
    'CD image: VirtualBox has /tmp/nakhoda-data/tiny.iso, Nakhoda wants none.',
    'NICs: VirtualBox has net0 52:54:00:00:00:01, Nakhoda wants none.',
  ]);
});

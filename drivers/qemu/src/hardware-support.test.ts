import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic } from '@nakhoda/driver';

import { hardwareSupport } from './hardware-support.ts';
import { type HostHardware, parseLists } from './host-hardware.ts';

const images = { code: '/code', variables: '/vars' };
const everything: HostHardware = {
  accelerator: 'kvm',
  version: '10.0.2',
  devices: new Set([
    ...['virtio-scsi-pci', 'ich9-ahci', 'nvme', 'virtio-net-pci', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'pcnet'],
    ...['VGA', 'virtio-vga', 'qxl-vga', 'virtio-balloon-pci', 'virtio-mem-pci', 'i6300esb', 'tpm-crb', 'ich9-intel-hda'],
  ]),
  cpuModels: ['max', 'host', 'base', 'Nehalem'],
  firmware: { plain: images, secure: images },
  tpm: true,
  usb: true,
  iommu: true,
  cgroups: true,
};
const nothing: HostHardware = {
  accelerator: 'tcg',
  version: '7.2.22',
  devices: new Set(),
  cpuModels: [],
  firmware: { plain: null, secure: null },
  tpm: false,
  usb: false,
  iommu: false,
  cgroups: false,
};

test('what the host has is declared, with the same defaults everywhere', () => {
  const wide = hardwareSupport(everything);
  assert.deepEqual(wide.cpuModels, ['default', 'x86-64-v2', 'x86-64-v2-AES', 'max', 'host', 'Nehalem']);
  assert.deepEqual(wide.diskBuses, ['virtio', 'scsi', 'sata', 'ide', 'nvme']);
  assert.deepEqual(wide.nicModels, ['virtio', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'pcnet']);
  for (const field of ['secureBoot', 'tpm', 'audio', 'balloonMiB', 'memoryMaxMiB', 'hostDevices', 'iothread'])
    assert.ok(wide.fields.includes(field), field);
  const narrow = hardwareSupport({ ...nothing, devices: new Set(['VGA']) });
  assert.deepEqual(defaultHardware(narrow), defaultHardware(wide));
  assert.deepEqual(defaultDisk(narrow), defaultDisk(wide));
  assert.deepEqual(defaultNic(narrow), defaultNic(wide));
});

test('what it lacks is not declared, and the reason is told', () => {
  const { firmwares, fields, watchdogs, displays, cpuModels, reasons } = hardwareSupport(nothing);
  assert.deepEqual([firmwares, watchdogs, displays], [['bios'], ['none'], ['none']]);
  assert.ok(!cpuModels.includes('host'));
  for (const field of ['secureBoot', 'tpm', 'hostDevices', 'memoryMaxMiB', 'cpuLimit', 'cpuShares', 'iothread']) {
    assert.ok(!fields.includes(field), field);
    assert.match(reasons[field] ?? '', /\.$/, field);
  }
  assert.match(reasons['firmware'] ?? '', /ovmf/);
  assert.match(reasons['tpm'] ?? '', /swtpm/);
});

test('QEMU’s lists: only processors that lack nothing', () => {
  // Recorded from QEMU 7.2.22 (`-machine none -accel tcg -qmp stdio`), shortened.
  const output = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}
{"return": {}}
{"return": [{"name": "max", "typename": "max-x86_64-cpu", "unavailable-features": [], "static": false, "migration-safe": false, "deprecated": false}, {"name": "Skylake-Client", "typename": "Skylake-Client-x86_64-cpu", "unavailable-features": ["pcid", "tsc-deadline"], "alias-of": "Skylake-Client-v1", "static": false, "migration-safe": true, "deprecated": false}, {"name": "Nehalem", "typename": "Nehalem-x86_64-cpu", "unavailable-features": [], "alias-of": "Nehalem-v1", "static": false, "migration-safe": true, "deprecated": false}], "id": "cpus"}
{"return": [{"name": "nvme", "parent": "pci-device"}, {"name": "VGA", "parent": "pci-vga"}], "id": "devices"}
{"timestamp": {"seconds": 1764011000, "microseconds": 1}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}
{"return": {}}
`;
  assert.deepEqual(parseLists(output), { version: '7.2.22', cpuModels: ['max', 'Nehalem'], devices: new Set(['nvme', 'VGA']) });
  assert.throws(() => parseLists(''), { code: 'hypervisor.failed' });
});

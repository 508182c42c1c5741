import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, fixedHardware, type MachineSpec } from '@nakhoda/driver';
import type { Capabilities } from '@nakhoda/schema';

import { validateSpec } from './validate.ts';

const capabilities: Capabilities = {
  snapshots: null,
  clones: false,
  serial: true,
  guest: null,
  display: { vnc: { allowed: false }, screenshot: { allowed: false }, keyboard: { allowed: false } },
  nicBackends: ['tap', 'none'],
  diskFormat: 'qcow2',
  pause: true,
  reset: true,
  suspend: false,
  crashPause: { allowed: true },
  hotplug: [],
  hardware: fixedHardware,
  maxCores: 4,
  minMemoryMiB: 16,
  maxMemoryMiB: 1024,
};
const disk = { slot: 'disk0', path: '/images/101/disk0.qcow2', format: 'qcow2', sizeBytes: 1024, ...defaultDisk(fixedHardware) } as const;
const nic = { slot: 'net0', mac: '52:54:00:00:00:65', attachment: { kind: 'tap', tap: 'nk101-0' }, ...defaultNic(fixedHardware) } as const;
const good: MachineSpec = {
  vmid: 101,
  name: 'web',
  uuid: '0b1d2c3e-0000-4000-8000-000000000101',
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(fixedHardware),
  directory: '/images/101',
  runtimeDirectory: '/run/101',
  disks: [disk],
  cdrom: null,
  nics: [nic],
};
const wide: Capabilities = {
  ...capabilities,
  hardware: {
    ...fixedHardware,
    machines: ['q35', 'i440fx'],
    firmwares: ['bios', 'uefi'],
    diskBuses: ['virtio', 'ide'],
    fields: ['ssd', 'secureBoot', 'hostDevices'],
  },
};
const wideFields = (bad: Partial<MachineSpec>, host = { usb: false, iommu: false }): string[] =>
  validateSpec({ ...good, ...bad }, wide, host).map(({ field }) => field);
const fields = (bad: Partial<MachineSpec>): string[] =>
  validateSpec({ ...good, ...bad }, capabilities, { usb: false, iommu: false }).map(({ field }) => field);

test('a good spec has no fault, and several faults are all told', () => {
  assert.deepEqual(fields({}), []);
  const attachment = { kind: 'tap', tap: '' } as const;
  assert.deepEqual(fields({ cores: 0, memoryMiB: 1, nics: [{ ...nic, attachment }] }), ['cores', 'memoryMiB', 'nics.0.attachment']);
});

// What is wrong for every hypervisor is tested with `specProblems`; these are QEMU's own.
for (const [title, bad, expected] of [
  ['a folder too long for its sockets', { runtimeDirectory: `/${'x'.repeat(100)}` }, ['runtimeDirectory']],
  ['a disk of less than a sector', { disks: [{ ...disk, sizeBytes: 511 }] }, ['disks.0.sizeBytes']],
  ['a TAP with an option in its name', { nics: [{ ...nic, attachment: { kind: 'tap', tap: 'a,b=c' } }] }, ['nics.0.attachment']],
  ['a TAP with too long a name', { nics: [{ ...nic, attachment: { kind: 'tap', tap: 'x'.repeat(16) } }] }, ['nics.0.attachment']],
] as [string, Partial<MachineSpec>, string[]][]) {
  test(`refused: ${title}`, () => assert.deepEqual(fields(bad), expected));
}

for (const [title, bad, expected] of [
  ['IDE on q35', { disks: [{ ...disk, bus: 'ide' }] }, ['disks.0.bus']],
  ['a third IDE disk', { machine: 'i440fx', disks: [{ ...disk, slot: 'disk2', bus: 'ide' }] }, ['disks.0.bus']],
  ['an SSD on virtio-blk', { disks: [{ ...disk, ssd: true }] }, ['disks.0.ssd']],
  ['secure boot on i440fx', { machine: 'i440fx', firmware: 'uefi', secureBoot: true }, ['secureBoot']],
  ['USB devices of a host without', { hostDevices: ['usb:046d:c52b'] }, ['hostDevices']],
  ['PCI devices of a host without IOMMU', { hostDevices: ['pci:0000:01:00.0'] }, ['hostDevices']],
] as [string, Partial<MachineSpec>, string[]][]) {
  test(`refused: ${title}`, () => assert.deepEqual(wideFields(bad), expected));
}

test('what goes together is taken', () => {
  assert.deepEqual(wideFields({ machine: 'i440fx', disks: [{ ...disk, slot: 'disk1', bus: 'ide', ssd: true }] }), []);
  assert.deepEqual(wideFields({ firmware: 'uefi', secureBoot: true }), []);
  const host = { usb: true, iommu: true };
  assert.deepEqual(wideFields({ hostDevices: ['usb:046d:c52b', 'pci:0000:01:00.0'] }, host), []);
  assert.deepEqual(wideFields({ hostDevices: ['usb:046d:c52b', 'usb:046d:c52b'] }, host), ['hostDevices']);
  assert.deepEqual(wideFields({ machine: 'i440fx', hostDevices: ['pci:0000:01:00.0'] }, host), ['hostDevices']);
});

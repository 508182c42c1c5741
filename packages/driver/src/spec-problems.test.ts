import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Capabilities } from '@nakhoda/schema';

import type { MachineDisk, MachineNic, MachineSpec } from './driver.ts';
import { fixedHardware } from './fixed-hardware.ts';
import { defaultDisk, defaultHardware, defaultNic } from './hardware-defaults.ts';
import { specProblems } from './spec-problems.ts';

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
const disk: MachineDisk = {
  slot: 'disk0',
  path: '/images/101/disk0.qcow2',
  format: 'qcow2',
  sizeBytes: 4096,
  ...defaultDisk(fixedHardware),
};
const nic: MachineNic = {
  slot: 'net0',
  mac: '52:54:00:00:00:65',
  attachment: { kind: 'tap', tap: 'nk101-0' },
  ...defaultNic(fixedHardware),
};
const good: MachineSpec = {
  vmid: 101,
  name: 'web',
  uuid: '0b1d2c3e-0000-4000-8000-000000000101',
  cores: 4,
  memoryMiB: 1024,
  ...defaultHardware(fixedHardware),
  directory: '/images/101',
  runtimeDirectory: '/run/101',
  disks: [disk, { ...disk, slot: 'disk9', path: '/images/101/disk9.qcow2' }],
  cdrom: null,
  nics: [nic, { slot: 'net9', mac: '52:54:00:00:00:66', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) }],
};
const check = { hypervisor: 'QEMU', minDiskBytes: 512 };
const told = (bad: Partial<MachineSpec>): string[] =>
  specProblems({ ...good, ...bad }, capabilities, check).map(({ field, message }) => `${field}: ${message}`);

test('a good spec has no fault', () => {
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ cores: 1, memoryMiB: 16, cdrom: '/srv/Selamat pagi, ꦤꦏꦺꦴꦝ.iso', disks: [], nics: [] }), []);
});

const bad: [string, Partial<MachineSpec>, string][] = [
  ['a vmid below the first', { vmid: 99 }, 'vmid: A vmid is 100 to 999999999, not 99.'],
  ['a vmid above the last', { vmid: 1e9 }, 'vmid: A vmid is 100 to 999999999, not 1000000000.'],
  ['a name with a newline', { name: 'a\nb' }, String.raw`name: "a\nb" is no name of a VM.`],
  ['a name without end', { name: 'x'.repeat(10_000) }, `name: "${'x'.repeat(120)}…" is no name of a VM.`],
  ['a UUID in braces', { uuid: '{1111}' }, 'uuid: "{1111}" is no UUID.'],
  ['no core', { cores: 0 }, 'cores: QEMU can give a VM 1 to 4 cores here, not 0.'],
  ['too many cores', { cores: 5 }, 'cores: QEMU can give a VM 1 to 4 cores here, not 5.'],
  ['a part of a core', { cores: 1.5 }, 'cores: QEMU can give a VM 1 to 4 cores here, not 1.5.'],
  ['too little memory', { memoryMiB: 15 }, 'memoryMiB: QEMU can give a VM 16 to 1024 MiB of memory here, not 15.'],
  ['too much memory', { memoryMiB: 1025 }, 'memoryMiB: QEMU can give a VM 16 to 1024 MiB of memory here, not 1025.'],
  ['memory that is no number', { memoryMiB: NaN }, 'memoryMiB: QEMU can give a VM 16 to 1024 MiB of memory here, not NaN.'],
  ['a relative folder', { directory: 'images' }, 'directory: "images" is no plain absolute path.'],
  ['an empty folder', { runtimeDirectory: '' }, 'runtimeDirectory: "" is no plain absolute path.'],
  ['a path with a newline', { cdrom: '/a\nb' }, String.raw`cdrom: "/a\nb" is no plain absolute path.`],
  ['a path with a zero byte', { cdrom: '/a\0b' }, String.raw`cdrom: "/a\u0000b" is no plain absolute path.`],
  ['an eleventh disk', { disks: [{ ...disk, slot: 'disk10' }] }, 'disks.0.slot: "disk10" is no slot of a disk.'],
  ['a relative image', { disks: [{ ...disk, path: 'disk0' }] }, 'disks.0.path: "disk0" is no plain absolute path.'],
  ['another format', { disks: [{ ...disk, format: 'vdi' }] }, "disks.0.format: QEMU's disks are qcow2 images here, not vdi."],
  [
    'a disk that is too small',
    { disks: [{ ...disk, sizeBytes: 511 }] },
    'disks.0.sizeBytes: QEMU can make a disk of 512 to 9007199254740991 bytes, not 511.',
  ],
  ['two disks in one slot', { disks: [disk, { ...disk, path: '/b' }] }, 'disks.1.slot: "disk0" is the slot of disks.0 already.'],
  ['two disks in one file', { disks: [disk, { ...disk, slot: 'disk1' }] }, `disks.1.path: "${disk.path}" is the path of disks.0 already.`],
  ['a NIC slot with an option in it', { nics: [{ ...nic, slot: 'net0,x=y' }] }, 'nics.0.slot: "net0,x=y" is no slot of a NIC.'],
  ['a short MAC', { nics: [{ ...nic, mac: '52:54:00:00:00' }] }, 'nics.0.mac: "52:54:00:00:00" is no unicast MAC address.'],
  ['a multicast MAC', { nics: [{ ...nic, mac: '53:54:00:00:00:65' }] }, 'nics.0.mac: "53:54:00:00:00:65" is no unicast MAC address.'],
  ['two NICs in one slot', { nics: [nic, { ...nic, mac: '52:54:00:00:00:66' }] }, 'nics.1.slot: "net0" is the slot of nics.0 already.'],
  ['two NICs of one MAC', { nics: [nic, { ...nic, slot: 'net1' }] }, `nics.1.mac: "${nic.mac}" is the mac of nics.0 already.`],
  [
    'a backend that is not declared',
    { nics: [{ ...nic, attachment: { kind: 'bridged', interface: 'eth0' } }] },
    'nics.0.attachment: QEMU cannot attach a NIC by bridged here.',
  ],
];
for (const [title, change, expected] of bad) test(`refused: ${title}`, () => assert.deepEqual(told(change), [expected]));

test('several faults are all told, each with what to do', () => {
  const problems = specProblems({ ...good, cores: 2, name: '', uuid: '' }, { ...capabilities, maxCores: 1 }, check);
  assert.deepEqual(
    problems.map(({ field }) => field),
    ['name', 'uuid', 'cores'],
  );
  assert.deepEqual(problems.at(-1), { field: 'cores', message: 'QEMU can give a VM 1 core here, not 2.', hint: 'Take 1.' });
});

test('memory that may come is no less than what is there, and no more than the host has', () => {
  const growing = { ...capabilities, hardware: { ...capabilities.hardware, fields: ['memoryMaxMiB'] } };
  const messages = (memoryMaxMiB: number) =>
    specProblems({ ...good, memoryMiB: 512, memoryMaxMiB }, growing, check).map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual([messages(0), messages(512), messages(1024)], [[], [], []]);
  assert.deepEqual(messages(256), ['memoryMaxMiB: The VM has 512 MiB, which is more than the 256 MiB that it may be given.']);
  assert.deepEqual(messages(1025), ['memoryMaxMiB: QEMU can give a VM at most 1024 MiB of memory here, not 1025.']);
});

test('a socket has a path that Linux takes, counted in bytes', () => {
  const sockets = (name: string) => specProblems(good, capabilities, { ...check, sockets: ['/run/101/a', `/run/101/${name}`] });
  assert.deepEqual(sockets('x'.repeat(98)), []);
  for (const name of ['x'.repeat(99), 'é'.repeat(50)]) {
    const [problem] = sockets(name);
    assert.equal(problem?.field, 'runtimeDirectory');
    assert.match(problem.message, /has 10[89] bytes; Linux takes 1 to 107/);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineSpec } from '@nakhoda/driver';
import type { Capabilities } from '@nakhoda/schema';

import { hardwareSupport } from './hardware.ts';
import { validateSpec } from './validate.ts';

const support = hardwareSupport('interpreter');
const interpreter: Capabilities = {
  snapshots: null,
  clones: false,
  serial: true,
  guest: null,
  display: { vnc: { allowed: false }, screenshot: { allowed: false }, keyboard: { allowed: false } },
  nicBackends: ['udp-tunnel', 'none'],
  diskFormat: 'vdi',
  pause: true,
  reset: true,
  suspend: true,
  crashPause: { allowed: true },
  hotplug: [],
  hardware: support,
  maxCores: 1,
  minMemoryMiB: 4,
  maxMemoryMiB: 1024,
};
const hardware: Capabilities = { ...interpreter, maxCores: 64, nicBackends: ['bridged', 'none'] };
const disk = { slot: 'disk0', path: '/srv/images/100/disk0.vdi', format: 'vdi', sizeBytes: 1024 * 1024, ...defaultDisk(support) } as const;
const nic = { slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'none' }, ...defaultNic(support) } as const;
const spec: MachineSpec = {
  vmid: 100,
  name: 'tiny-a',
  uuid: '11111111-2222-3333-4444-555555555555',
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(support),
  directory: '/srv/images/100',
  runtimeDirectory: '/srv/run/100',
  disks: [disk],
  cdrom: null,
  nics: [nic],
};
const fields = (change: Partial<MachineSpec>, capabilities = interpreter): string[] =>
  validateSpec({ ...spec, ...change }, capabilities).map(({ field }) => field);

test('a good spec has no problems', () => {
  assert.deepEqual(fields({}), []);
  const tunnel = { kind: 'udp-tunnel', localPort: 1, peerPort: 65_535 } as const;
  assert.deepEqual(fields({ nics: [{ ...nic, slot: 'net7', attachment: tunnel }] }), []);
  assert.deepEqual(fields({ cores: 8, nics: [{ ...nic, attachment: { kind: 'bridged', interface: 'eth0.5' } }] }, hardware), []);
});

test('two cores in the interpreter: the hint says why not', () => {
  const [problem] = validateSpec({ ...spec, cores: 2 }, interpreter);
  assert.equal(problem?.field, 'cores');
  assert.match(problem.hint, /interpreter/);
});

// What is wrong for every hypervisor is tested with `specProblems`; these are VirtualBox's own.
const attached = (attachment: MachineSpec['nics'][number]['attachment']): Partial<MachineSpec> => ({ nics: [{ ...nic, attachment }] });
const bad: [string, Partial<MachineSpec>, string[]][] = [
  ['a runtime folder too long for a socket', { runtimeDirectory: `/${'x'.repeat(100)}` }, ['runtimeDirectory']],
  ['a disk of less than a block', { disks: [{ ...disk, sizeBytes: 1024 * 1024 - 1 }] }, ['disks.0.sizeBytes']],
  ['a ninth NIC', { nics: [{ ...nic, slot: 'net8' }] }, ['nics.0.slot']],
  ['a tenth NIC', { nics: [{ ...nic, slot: 'net9' }] }, ['nics.0.slot']],
  ['an own port out of range', attached({ kind: 'udp-tunnel', localPort: 0, peerPort: 4002 }), ['nics.0.attachment']],
  ["the peer's port out of range", attached({ kind: 'udp-tunnel', localPort: 4001, peerPort: 65_536 }), ['nics.0.attachment']],
  ['a part of a port', attached({ kind: 'udp-tunnel', localPort: 4001.5, peerPort: 4002 }), ['nics.0.attachment']],
];
for (const [title, change, expected] of bad) test(`a bad spec: ${title}`, () => assert.deepEqual(fields(change), expected));

const more = (slot: string, change: object): MachineSpec['disks'][number] => ({
  ...disk,
  slot,
  path: `/srv/images/100/${slot}.vdi`,
  ...change,
});
const combinations: [string, Partial<MachineSpec>, string[]][] = [
  ['a third disk on IDE', { disks: [disk, more('disk2', {})] }, []],
  ['a third disk on IDE beside a cloud-init drive', { cloudInit: '/srv/ci.iso', disks: [disk, more('disk2', {})] }, ['disks.1.bus']],
  ['a fourth disk on IDE', { disks: [disk, more('disk3', {})] }, ['disks.1.bus']],
  ['two ways with the cache on one controller', { disks: [disk, more('disk1', { cache: 'none' })] }, ['disks.1.cache']],
  ['two ways with the cache on two controllers', { disks: [disk, more('disk1', { bus: 'sata', cache: 'none' })] }, []],
  ['a limit behind the cache of the host', { disks: [more('disk0', { mbpsLimit: 5 })] }, ['disks.0.mbpsLimit']],
  ['a limit past the cache of the host', { disks: [more('disk0', { mbpsLimit: 5, cache: 'none' })] }, []],
  ['operations a second', { disks: [more('disk0', { iopsLimit: 5 })] }, ['disks.0.iopsLimit']],
  ['virtio-blk', { disks: [more('disk0', { bus: 'virtio' })] }, ['disks.0.bus']],
  ['UEFI in the interpreter', { firmware: 'uefi' }, ['firmware']],
  ['a processor limit in the interpreter', { cpuLimit: 0.5 }, ['cpuLimit']],
  ['a balloon', { balloonMiB: 64 }, ['balloonMiB']],
];
for (const [title, change, expected] of combinations) test(`hardware: ${title}`, () => assert.deepEqual(fields(change), expected));

test("an interface's name cannot smuggle anything", () => {
  for (const name of ['-x', 'a b', 'x'.repeat(16), '']) {
    assert.deepEqual(fields(attached({ kind: 'bridged', interface: name }), hardware), ['nics.0.attachment'], name);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { MachineSpec } from '@nakhoda/driver';

import { capabilitiesOf, validateSpec } from './capabilities.ts';
import type { HostFacts } from './host-facts.ts';

const interpreter: HostFacts = {
  version: '7.2.22',
  lacksRoot: false,
  missingProgram: null,
  driverVersion: null,
  driverDevice: false,
  virtualizationFlag: false,
  bridging: false,
};
const hardware: HostFacts = {
  ...interpreter,
  driverVersion: '7.2.22 r175245',
  driverDevice: true,
  virtualizationFlag: true,
  bridging: true,
};
const spec: MachineSpec = {
  vmid: 100,
  name: 'tiny-a',
  uuid: '11111111-2222-3333-4444-555555555555',
  cores: 1,
  memoryMiB: 128,
  directory: '/srv/images/100',
  runtimeDirectory: '/srv/run/100',
  disks: [{ slot: 'disk0', path: '/srv/images/100/disk0.vdi', format: 'vdi', sizeBytes: 64 * 1024 * 1024 }],
  cdrom: null,
  nics: [{ slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'none' } }],
};
const fields = (change: Partial<MachineSpec>, facts = interpreter): string[] =>
  validateSpec({ ...spec, ...change }, capabilitiesOf(facts)).map(({ field }) => field);

test('cores and network follow from how guests are executed', () => {
  assert.equal(capabilitiesOf(interpreter).maxCores, 1);
  assert.deepEqual(capabilitiesOf(interpreter).nicBackends, ['udp-tunnel', 'none']);
  assert.equal(capabilitiesOf(hardware).maxCores, 64);
  assert.deepEqual(capabilitiesOf(hardware).nicBackends, ['bridged', 'none']);
  assert.deepEqual(capabilitiesOf({ ...hardware, bridging: false }).nicBackends, ['udp-tunnel', 'none']);
});

test('a good spec has no problems', () => {
  assert.deepEqual(fields({}), []);
  assert.deepEqual(fields({ cores: 8 }, hardware), []);
});

const [disk] = spec.disks;
const [nic] = spec.nics;
assert.ok(disk && nic);
const bad: [string, Partial<MachineSpec>, string[]][] = [
  ['two cores in the interpreter', { cores: 2 }, ['cores']],
  ['no memory', { memoryMiB: 0 }, ['memoryMiB']],
  ['a name with a newline', { name: 'a\nb' }, ['name']],
  ['a malformed UUID', { uuid: '{1111}' }, ['uuid']],
  ['a relative folder', { directory: 'images' }, ['directory']],
  ['a runtime folder too long for a socket', { runtimeDirectory: `/${'x'.repeat(100)}` }, ['runtimeDirectory']],
  ['a path with a newline', { cdrom: '/srv/a\nb.iso' }, ['cdrom']],
  ['a disk in another format', { disks: [{ ...disk, format: 'qcow2' }] }, ['disks[0].format']],
  ['a disk of no bytes', { disks: [{ ...disk, sizeBytes: 0 }] }, ['disks[0].sizeBytes']],
  ['an eleventh disk', { disks: [{ ...disk, slot: 'disk10' }] }, ['disks[0].slot']],
  ['two disks in one slot', { disks: [disk, { ...disk, path: '/srv/b.vdi' }] }, ['disks[1].slot']],
  ['a ninth NIC', { nics: [{ ...nic, slot: 'net8' }] }, ['nics[0].slot']],
  ['two NICs in one slot', { nics: [nic, nic] }, ['nics[1].slot']],
  ['a multicast MAC', { nics: [{ ...nic, mac: '53:54:00:00:00:01' }] }, ['nics[0].mac']],
  ['a TAP', { nics: [{ ...nic, attachment: { kind: 'tap', tap: 't0' } }] }, ['nics[0].attachment']],
  ['a port out of range', { nics: [{ ...nic, attachment: { kind: 'udp-tunnel', localPort: 0, peerPort: 4002 } }] }, ['nics[0].attachment']],
];
for (const [title, change, expected] of bad) test(`a bad spec: ${title}`, () => assert.deepEqual(fields(change), expected));

test("an interface's name cannot smuggle anything", () => {
  assert.deepEqual(fields({ nics: [{ ...nic, attachment: { kind: 'bridged', interface: '-x' } }] }, hardware), ['nics[0].attachment']);
});

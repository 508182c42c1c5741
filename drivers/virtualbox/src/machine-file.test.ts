import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parseMachine, parseRegistry } from './machine-file.ts';
import { withoutMedium } from './orphan-media.ts';

const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');
const machine = parseMachine(fixture('nakhoda-100.vbox'));

test('the registry tells its machines and the global extra data', () => {
  assert.deepEqual(parseRegistry(fixture('VirtualBox.xml')), {
    machines: [{ uuid: '11111111-2222-3333-4444-555555555555', file: '/tmp/nakhoda-data/images/100/nakhoda-100/nakhoda-100.vbox' }],
    extraData: { 'GUI/Settings/ExpertMode': 'true', 'GUI/SuppressMessages': 'all' },
  });
  assert.deepEqual(parseRegistry('<?xml version="1.0"?><VirtualBox><Global><MachineRegistry/></Global></VirtualBox>').machines, []);
});

test('an image that an interrupted snapshot left is an orphan, and is taken out of the file alone', () => {
  // VirtualBox 7.2.22_Debian: VirtualBoxVM killed (SIGKILL) while `snapshot take --live` was under way.
  const xml = fixture('orphan.vbox');
  const uuid = '781da605-09d1-4109-9453-d44258ca8d67';
  const location = `Snapshots/{${uuid}}.vdi`;
  assert.deepEqual(parseMachine(xml)?.orphans, [{ uuid, location }]);
  const mended = withoutMedium(xml, uuid);
  assert.deepEqual({ ...parseMachine(mended), orphans: [] }, { ...parseMachine(xml), orphans: [] });
  assert.deepEqual([parseMachine(mended)?.orphans, mended.includes(uuid)], [[], false]);
  assert.deepEqual(machine?.orphans, []);
  // Linked clones' images are listed in the file of the VM that they grow from, and are in nobody's drive there.
  for (const clones of ['/data/images/101/disk0.vdi', '../../101/disk0.vdi'])
    assert.deepEqual(parseMachine(xml.replace(location, clones))?.orphans, []);
});

test('a machine file tells identity and state', () => {
  assert.equal(machine?.uuid, '11111111-2222-3333-4444-555555555555');
  assert.equal(machine.name, 'nakhoda-100');
  assert.equal(machine.savedState, false);
  assert.deepEqual([machine.cores, machine.memoryMiB, machine.nics], [1, 128, [{ number: 0, mac: '52:54:00:00:00:01' }]]);
  assert.equal(machine.remoteDisplay, false);
  assert.equal(machine.extraData['VBoxInternal/HM/FallbackToIEM'], '1');
});

test('a machine file tells the snapshot tree, with descriptions of several lines', () => {
  const [first, second, third] = machine?.snapshots ?? [];
  assert.deepEqual(first, {
    uuid: '8dd5e589-15e3-4b6c-b5dc-78fbea3cafea',
    name: 's1',
    description: 'd "s1,m"\nü',
    takenAt: Date.UTC(2026, 10, 23, 14, 41, 32),
    memory: true,
    parentUuid: null,
  });
  assert.deepEqual([second?.name, second?.memory, second?.parentUuid], ['s2', true, first.uuid]);
  assert.deepEqual([third?.name, third?.memory, third?.parentUuid], ['s3', false, first.uuid]);
  assert.equal(machine?.snapshots.length, 3);
  assert.equal(machine?.currentSnapshotUuid, third?.uuid);
});

const plain = { discard: false, nonrotational: false, hotpluggable: false, bandwidthGroup: null };

test('a machine file tells its drives, each with the image at the bottom of its chain', () => {
  assert.deepEqual(machine?.controllers, [{ name: 'ide', ports: 2, hostIoCache: true }]);
  assert.deepEqual(machine.attachments, [
    {
      controller: 'ide',
      port: 0,
      device: 0,
      type: 'HardDisk',
      mediumUuid: '51371eac-c31b-444b-b677-cbbf48485d0d',
      baseLocation: '/tmp/nakhoda-data/images/100/disk0.vdi',
      ...plain,
    },
    {
      controller: 'ide',
      port: 1,
      device: 0,
      type: 'DVD',
      mediumUuid: 'c61eb6b8-93c6-4c68-94a0-c685ec135cb5',
      baseLocation: '/tmp/nakhoda-data/tiny.iso',
      ...plain,
    },
  ]);
});

test('a machine file tells what drives are like, and their limits', () => {
  // Written by VirtualBox 7.2.22.
  const drive =
    '<AttachedDevice nonrotational="true" discard="true" type="HardDisk" hotpluggable="true" port="3" device="0" bandwidthGroup="disk3"/>';
  const controller = `<StorageController name="sata" type="AHCI" PortCount="10" useHostIOCache="false">${drive}</StorageController>`;
  const groups = '<IO><BandwidthGroups><BandwidthGroup name="disk3" type="Disk" maxBytesPerSec="1000000"/></BandwidthGroups></IO>';
  const file = `<VirtualBox><Machine uuid="{AB}" name="x"><Hardware>${groups}<StorageControllers>${controller}</StorageControllers></Hardware></Machine></VirtualBox>`;
  const found = parseMachine(file);
  assert.deepEqual(found?.controllers, [{ name: 'sata', ports: 10, hostIoCache: false }]);
  assert.deepEqual(found.bandwidthGroups, [{ name: 'disk3', bytesPerSecond: 1_000_000 }]);
  const [attachment] = found.attachments;
  assert.deepEqual(
    [attachment?.discard, attachment?.nonrotational, attachment?.hotpluggable, attachment?.bandwidthGroup],
    [true, true, true, 'disk3'],
  );
});

test('an empty machine, a saved state, and what is no machine', () => {
  const minimal = (attributes: string): string =>
    `<VirtualBox><Machine uuid="{AB}" name="x" ${attributes}><Hardware/></Machine></VirtualBox>`;
  assert.deepEqual(parseMachine(minimal(''))?.snapshots, []);
  assert.deepEqual(parseMachine(minimal(''))?.attachments, []);
  assert.equal(parseMachine(minimal('stateFile="Snapshots/x.sav"'))?.savedState, true);
  assert.equal(parseMachine('<VirtualBox><Global/></VirtualBox>'), null);
  assert.equal(parseMachine(''), null);
});

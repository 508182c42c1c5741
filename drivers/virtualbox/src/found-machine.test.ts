import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineDisk, type MachineSpec } from '@nakhoda/driver';
import type { FoundMachine } from '@nakhoda/schema';

import { changeArgs } from './definition-plan.ts';
import { hardwareChecks } from './hardware-checks.ts';
import { hardwareSupport } from './hardware.ts';
import { attachmentArgs } from './nic-plan.ts';
import { cdPlaceOf, flushExtraData, planControllers, planDrives } from './storage-plan.ts';

/** An adopted machine: what was found stays where and as it was. */
const uuid = '11111111-2222-3333-4444-555555555555';
const support = hardwareSupport('interpreter');
const drive = { discard: false, nonrotational: false, hotpluggable: false, bandwidthGroup: null };
const found: FoundMachine = {
  drives: [
    {
      ...drive,
      slot: 'disk0',
      type: 'HardDisk',
      controller: 'SATA Controller',
      port: 3,
      device: 0,
      path: '/home/ann/web.vdi',
      discard: true,
      bandwidthGroup: 'Limit',
    },
    { ...drive, slot: 'cdrom', type: 'DVD', controller: 'SATA Controller', port: 1, device: 0, path: null },
    { ...drive, slot: null, type: 'DVD', controller: 'IDE', port: 1, device: 0, path: '/home/ann/b.iso' },
  ],
  controllers: [
    { name: 'SATA Controller', bus: 'sata', ports: 4 },
    { name: 'IDE', bus: 'ide', ports: 2 },
  ],
  nics: [
    { slot: 'net0', mac: '08:00:27:00:00:01' },
    { slot: 'net1', mac: '08:00:27:00:00:02' },
  ],
  folders: ['/home/ann'],
};
const disk = (slot: string, path: string, change: Partial<MachineDisk> = {}): MachineDisk => ({
  ...{ slot, path, format: 'vdi', sizeBytes: 1024 ** 3, ...defaultDisk(support), bus: 'sata', cache: 'none' },
  ...change,
});
const spec: MachineSpec = {
  ...{ vmid: 100, name: 'web', uuid, cores: 1, memoryMiB: 128, ...defaultHardware(support), found },
  ...{ directory: '/srv/images/100', runtimeDirectory: '/srv/run/100', cdrom: '/srv/a.iso' },
  disks: [disk('disk0', '/home/ann/web.vdi')],
  nics: [{ slot: 'net1', mac: '08:00:27:00:00:02', attachment: { kind: 'udp-tunnel', localPort: 1, peerPort: 2 }, ...defaultNic(support) }],
};
const places = (machine: MachineSpec): string[] =>
  planDrives(machine).map(({ place, type, path, discard, bandwidthGroup }) =>
    [type, place.controller, place.port, path, discard, bandwidthGroup].join(' '),
  );

test('drives stay in their places with their attributes; the CD goes into the first CD drive', () => {
  assert.deepEqual(places(spec), [
    'HardDisk SATA Controller 3 /home/ann/web.vdi true Limit',
    'DVD SATA Controller 1 /srv/a.iso false ',
    'DVD IDE 1 /home/ann/b.iso false ',
  ]);
  assert.deepEqual(cdPlaceOf(spec)?.controller, 'SATA Controller');
  assert.deepEqual(
    planControllers(spec).map(({ kind, ports, hostIoCache }) => [kind.name, ports, hostIoCache]),
    [['SATA Controller', 4, false]],
  );
  assert.deepEqual(Object.keys(flushExtraData(spec)), ['VBoxInternal/Devices/ahci/0/LUN#3/Config/IgnoreFlush']);
});

test('a further disk goes on the controller that is there, past what is taken', () => {
  const more = {
    ...spec,
    disks: [...spec.disks, disk('disk1', '/srv/images/100/disk-1.vdi'), disk('disk2', '/srv/images/100/disk-2.vdi')],
  };
  assert.deepEqual(
    places(more)
      .slice(1, 3)
      .map((line) => line.split(' ').slice(1, 4).join(' ')),
    ['SATA Controller 11', 'SATA Controller 2'],
  );
  assert.equal(planControllers(more)[0]?.ports, 12);
  const [problem] = hardwareChecks({ ...spec, disks: [...spec.disks, disk('disk1', '/x.vdi', { bus: 'ide', cache: 'writeback' })] });
  assert.equal(problem?.field, 'disks.1.bus');
});

test('only what is asked to be changed is changed', () => {
  const nic =
    '--nic2 generic --nic-generic-drv2 UDPTunnel --nic-property2=dest=127.0.0.1 --nic-property2=sport=1 --nic-property2=dport=2 --cable-connected2 on';
  const loose = '--nic1 null --cable-connected1 off';
  assert.equal(changeArgs(spec, spec).join(' '), `modifyvm ${uuid} ${nic} ${loose}`);
  assert.equal(changeArgs(spec, { ...spec, memoryMiB: 256, name: 'other' }).join(' '), `modifyvm ${uuid} --memory 256 ${nic} ${loose}`);
  assert.equal(attachmentArgs([], found).join(' '), `${loose} --nic2 null --cable-connected2 off`);
  // Taken off its network, the card is there still, with the address that it came with.
  const other = { ...spec, nics: spec.nics.map((one) => ({ ...one, mac: '02:4e:4b:00:00:09' })) };
  assert.match(changeArgs(other, { ...spec, nics: [] }).join(' '), /--mac-address2 080027000002/u);
});

test('what it has no drive for is refused', () => {
  const without = { ...found, drives: found.drives.filter(({ slot }) => slot !== 'cdrom') };
  assert.equal(hardwareChecks({ ...spec, found: without })[0]?.field, 'cdrom');
  assert.deepEqual(hardwareChecks({ ...spec, cdrom: null, found: without }), []);
  assert.equal(hardwareChecks({ ...spec, cloudInit: '/srv/ci.iso' })[0]?.field, 'cloudInit');
});

test('a disk whose image VirtualBox cannot make larger keeps its size', () => {
  const [disk] = spec.disks;
  assert.ok(disk);
  const mostBytes = disk.sizeBytes;
  const fixed = { ...found, drives: found.drives.map((drive) => (drive.slot === disk.slot ? { ...drive, mostBytes } : drive)) };
  assert.deepEqual(hardwareChecks({ ...spec, found: fixed }), []);
  const disks = spec.disks.map((one) => (one === disk ? { ...one, sizeBytes: mostBytes + 512 } : one));
  assert.equal(hardwareChecks({ ...spec, disks, found: fixed })[0]?.field, 'disks.0.sizeBytes');
  assert.deepEqual(hardwareChecks({ ...spec, disks }), []);
});

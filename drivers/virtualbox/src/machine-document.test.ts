import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineNic, type MachineSpec } from '@nakhoda/driver';

import { modifyArgs } from './definition-plan.ts';
import { modeExtraData } from './front-end.ts';
import { hardwareSupport } from './hardware.ts';
import { machineDocument } from './machine-document.ts';
import { parseMachine } from './machine-file.ts';
import { parseMachineMedia } from './machine-media.ts';
import { parseModifyFlags } from './modify-flags.ts';
import { flushExtraData, planControllers, planDrives, storageSteps } from './storage-plan.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const support = hardwareSupport('interpreter');
const spec: MachineSpec = {
  vmid: 100,
  name: 'tiny-a',
  uuid,
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(support),
  directory: '/srv/a & "b"/100',
  runtimeDirectory: '/srv/run/100',
  disks: [{ slot: 'disk0', path: '/srv/a & "b"/100/disk0.vdi', format: 'vdi', sizeBytes: 1024 * 1024, ...defaultDisk(support) }],
  cdrom: '/srv/iso/<tiny>.iso',
  nics: [],
};

function documentOf(machine: MachineSpec, mode: 'interpreter' | 'hardware' = 'interpreter', more: string[] = []) {
  const planned = planDrives(machine);
  return machineDocument({
    uuid,
    name: 'nakhoda-100',
    modifyArgs: [...modifyArgs(machine).slice(2), ...more],
    controllers: planControllers(machine),
    drives: planned.map((plan, index) => ({
      plan,
      medium: plan.path === null ? null : { uuid: `${uuid}${index}`, path: plan.path },
    })),
    extraData: { ...modeExtraData(mode), ...flushExtraData(machine) },
    now: '2026-11-24T18:57:26.123Z',
  });
}

test('the flags of modifyvm, with none, one or two values, or behind an equals sign', () => {
  assert.deepEqual(
    parseModifyFlags(['--vrde', 'off', '--uart1', '0x3F8', '4', '--nic-property1=sport=4001', '--description', "Nakhoda's VM"]).map(
      ({ flag, values }) => [flag, ...values],
    ),
    [
      ['--vrde', 'off'],
      ['--uart1', '0x3F8', '4'],
      ['--nic-property1', 'sport=4001'],
      ['--description', "Nakhoda's VM"],
    ],
  );
});

test('the file says all that the driver plans: nothing is left for modifyvm, nor for the drives', () => {
  const attachments: MachineNic['attachment'][] = [
    { kind: 'none' },
    { kind: 'bridged', interface: 'eth0' },
    { kind: 'udp-tunnel', localPort: 4001, peerPort: 4002 },
  ];
  const nics = attachments.map((attachment, index) => ({
    slot: `net${index * 2}`,
    mac: `52:54:00:00:00:0${index}`,
    attachment,
    ...defaultNic(support),
  }));
  const disks = [0, 1, 2, 3].map((index) => {
    const own = { slot: `disk${index}`, path: `/srv/d${index}.vdi`, format: 'vdi' as const, sizeBytes: 1 };
    return { ...own, ...defaultDisk(support), bus: (['sata', 'scsi', 'nvme', 'ide'] as const)[index % 3] ?? 'ide', ssd: index > 1 };
  });
  const machines: MachineSpec[] = [spec, { ...spec, cdrom: null, disks: [] }, { ...spec, cores: 4, memoryMiB: 4096, nics, disks }];
  for (const machine of machines) {
    for (const mode of ['interpreter', 'hardware'] as const) {
      const { xml, rest } = documentOf(machine, mode);
      assert.deepEqual(rest, []);
      const observed = parseMachine(xml);
      const existingImages = new Map(machine.disks.map(({ path }) => [path, null]));
      assert.deepEqual(storageSteps(machine, { observed, existingImages }), []);
      assert.deepEqual([observed?.cores, observed?.memoryMiB], [machine.cores, machine.memoryMiB]);
      assert.deepEqual(
        observed?.nics,
        machine.nics.map(({ slot, mac }) => ({ number: Number(slot.slice(3)), mac })),
      );
    }
  }
});

test('what the file has no place for is left for modifyvm, as it was given', () => {
  const more = ['--hpet', 'on', '--nic2', 'nat', '--uart-mode3', 'disconnected', '--cpu-profile', 'host', '--nested-paging=on'];
  const { xml, rest } = documentOf(spec, 'interpreter', more);
  assert.deepEqual(rest, more);
  assert.deepEqual(parseMachine(xml)?.nics, []);
  assert.doesNotMatch(xml, /slot="-/);
});

test('names and paths are safe in XML', () => {
  const observed = parseMachine(documentOf(spec).xml);
  assert.deepEqual(
    observed?.attachments.map(({ baseLocation }) => baseLocation),
    ['/srv/a & "b"/100/disk0.vdi', '/srv/iso/<tiny>.iso'],
  );
});

test("a linked clone's disk is written with all that it grows from, and UEFI by the file", () => {
  const [plan] = planDrives(spec);
  assert.ok(plan);
  const parents = [
    { uuid: 'a', path: '/srv/images/99/disk0.vdi' },
    { uuid: 'b', path: '/srv/images/100/disk0.vdi' },
  ];
  const { xml, rest } = machineDocument({
    uuid,
    name: 'nakhoda-100',
    modifyArgs: ['--firmware', 'efi64'],
    controllers: [],
    drives: [{ plan, medium: { uuid: 'c', path: '/srv/images/100/c.vdi', parents } }],
    extraData: {},
    now: '2026-11-24T18:57:26.123Z',
  });
  assert.deepEqual(rest, []);
  assert.match(xml, /<Firmware type="EFI64"\/>/);
  assert.deepEqual(parseMachineMedia(xml).media, [
    { uuid: 'a', parentUuid: null, location: '/srv/images/99/disk0.vdi' },
    { uuid: 'b', parentUuid: 'a', location: '/srv/images/100/disk0.vdi' },
    { uuid: 'c', parentUuid: 'b', location: '/srv/images/100/c.vdi' },
  ]);
});

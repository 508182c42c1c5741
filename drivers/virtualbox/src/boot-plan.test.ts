import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineDisk, type MachineSpec } from '@nakhoda/driver';

import { bootArgs, bootProblems } from './boot-plan.ts';
import { hardwareSupport } from './hardware.ts';

const support = hardwareSupport('interpreter');
const disk = (slot: string, bus: MachineDisk['bus']): MachineDisk => ({
  ...{ slot, path: `/srv/${slot}.vdi`, format: 'vdi', sizeBytes: 1024 * 1024 },
  ...defaultDisk(support),
  bus,
});
const nic = (slot: string): MachineSpec['nics'][number] => ({
  slot,
  mac: '52:54:00:00:00:01',
  attachment: { kind: 'none' },
  ...defaultNic(support),
});
const machine = (change: Partial<MachineSpec>) => ({ ...defaultHardware(support), disks: [disk('disk0', 'ide')], nics: [], ...change });

test('the classes in the order of their first device, and the NICs among themselves', () => {
  assert.equal(bootArgs(machine({})).join(' '), '--boot1 dvd --boot2 disk --boot3 none --boot4 none');
  const order = machine({ bootOrder: ['net2', 'net0', 'disk0', 'cdrom'], nics: ['net0', 'net1', 'net2'].map(nic) });
  assert.equal(
    bootArgs(order).join(' '),
    '--boot1 net --boot2 disk --boot3 dvd --boot4 none --nic-boot-prio1 2 --nic-boot-prio2 0 --nic-boot-prio3 1',
  );
});

const mixed = [disk('disk0', 'scsi'), disk('disk1', 'sata'), disk('disk2', 'nvme')];
const cases: [string, Partial<MachineSpec>, RegExp | null][] = [
  ['the default', {}, null],
  ['the default on UEFI', { firmware: 'uefi' }, null],
  ['no disk at all', { disks: [] }, null],
  ['the first disk by the order of the controllers', { disks: mixed, bootOrder: ['disk1'] }, null],
  ['another than the first', { disks: mixed, bootOrder: ['disk0'] }, /that is disk1, not disk0/],
  ['two disks', { disks: mixed, bootOrder: ['disk1', 'disk0'] }, /one disk only/],
  ['NVMe with a BIOS', { disks: mixed, bootOrder: ['disk2'] }, /NVMe/],
  ['another order on UEFI', { firmware: 'uefi', bootOrder: ['disk0', 'cdrom'] }, /UEFI/],
  ['something between two NICs', { bootOrder: ['net0', 'cdrom', 'net1'], nics: [nic('net0'), nic('net1')] }, /nothing between/],
  [
    'five NICs',
    { bootOrder: ['net0', 'net1', 'net2', 'net3', 'net4'], nics: ['net0', 'net1', 'net2', 'net3', 'net4'].map(nic) },
    /four NICs/,
  ],
];
for (const [title, change, expected] of cases) {
  test(`boot order: ${title}`, () => {
    const problems = bootProblems(machine(change));
    if (expected === null) assert.deepEqual(problems, []);
    else assert.match(problems.map(({ message }) => message).join(' '), expected);
  });
}

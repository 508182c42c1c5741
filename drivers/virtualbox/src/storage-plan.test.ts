import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, type MachineDisk, type MachineSpec } from '@nakhoda/driver';
import fc from 'fast-check';

import { hardwareSupport } from './hardware.ts';
import type { ObservedAttachment, ObservedMachine } from './machine-file.ts';
import { flushExtraData, isFlushKey, planControllers, planDisk, planDrives, storageSteps } from './storage-plan.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const support = hardwareSupport('interpreter');
const disk = (slot: string, change: Partial<MachineDisk> = {}): MachineDisk => ({
  slot,
  path: `/srv/images/100/${slot}.vdi`,
  format: 'vdi',
  sizeBytes: 1_000_000_001,
  ...defaultDisk(support),
  ...change,
});
const spec: MachineSpec = {
  vmid: 100,
  name: 'tiny-a',
  uuid,
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(support),
  directory: '/srv/images/100',
  runtimeDirectory: '/srv/run/100',
  disks: [disk('disk0')],
  cdrom: '/srv/iso/tiny.iso',
  nics: [],
};
const nothing: ObservedMachine = {
  ...{ uuid, name: 'nakhoda-100', cores: 1, memoryMiB: 128, nics: [], aborted: false, savedState: false, currentSnapshotUuid: null },
  ...{
    snapshots: [],
    orphans: [],
    remoteDisplay: false,
    controllers: [],
    bandwidthGroups: [],
    attachments: [],
    extraData: {},
    serialPaths: [],
  },
};

/** What VirtualBox has when everything was carried out. */
function asPlanned(machine: MachineSpec): ObservedMachine {
  const attachments = planDrives(machine).map(({ place, path, ...rest }): ObservedAttachment => ({
    ...place,
    ...rest,
    mediumUuid: path === null ? null : 'a',
    baseLocation: path,
  }));
  const limited = machine.disks.filter(({ mbpsLimit }) => mbpsLimit > 0);
  return {
    ...nothing,
    controllers: planControllers(machine).map(({ kind, ports, hostIoCache }) => ({ name: kind.name, ports, hostIoCache })),
    bandwidthGroups: limited.map(({ slot, mbpsLimit }) => ({ name: slot, bytesPerSecond: mbpsLimit * 1_000_000 })),
    attachments,
  };
}

const all = new Map<string, number | null>(Array.from({ length: 10 }, (_, number) => [`/srv/images/100/disk${number}.vdi`, null]));
const steps = (wanted: MachineSpec, observed: ObservedMachine, existingImages: ReadonlyMap<string, number | null> = all): string[] =>
  storageSteps(wanted, { observed, existingImages }).map(({ args }) => args.join(' ').replace(` ${uuid}`, ''));
const at = (controller: string, port: number, device = 0): string =>
  `storageattach --storagectl ${controller} --port ${port} --device ${device}`;

test('a new machine gets its drives and the images that are missing, in whole sectors', () => {
  assert.deepEqual(steps(spec, nothing, new Map()), [
    'storagectl --name ide --add ide --controller PIIX4 --hostiocache on',
    'createmedium disk --filename /srv/images/100/disk0.vdi --sizebyte 1000000512 --format VDI --variant Standard',
    `${at('ide', 0)} --type hdd --medium /srv/images/100/disk0.vdi`,
    `${at('ide', 1)} --type dvddrive --medium /srv/iso/tiny.iso`,
  ]);
  assert.equal(steps({ ...spec, disks: [], cdrom: null }, nothing).at(-1), `${at('ide', 1)} --type dvddrive --medium emptydrive`);
  const made = storageSteps(spec, { observed: nothing, existingImages: new Map() }).flatMap(({ makes }) => makes ?? []);
  assert.deepEqual(made, ['/srv/images/100/disk0.vdi']);
});

test('each bus has its controller, with the host cache as its disks want it', () => {
  const disks = [
    disk('disk0', { bus: 'sata', cache: 'none', mbpsLimit: 5 }),
    disk('disk1', { bus: 'scsi', ssd: true }),
    disk('disk2', { bus: 'nvme', cache: 'unsafe' }),
  ];
  assert.deepEqual(steps({ ...spec, disks, cdrom: null }, nothing), [
    'storagectl --name ide --add ide --controller PIIX4 --hostiocache on',
    'storagectl --name sata --add sata --controller IntelAhci --portcount 10 --hostiocache off',
    'storagectl --name scsi --add virtio --controller VirtIO --portcount 2 --hostiocache on',
    'storagectl --name nvme --add pcie --controller NVMe --portcount 3 --hostiocache on',
    'bandwidthctl add disk0 --type disk --limit 40m',
    `${at('sata', 0)} --type hdd --medium /srv/images/100/disk0.vdi --hotpluggable on --bandwidthgroup disk0`,
    `${at('scsi', 1)} --type hdd --medium /srv/images/100/disk1.vdi --nonrotational on`,
    `${at('nvme', 2)} --type hdd --medium /srv/images/100/disk2.vdi`,
    `${at('ide', 1)} --type dvddrive --medium emptydrive`,
  ]);
});

test('another CD, none, and a further disk are changes of one place each', () => {
  const defined = asPlanned(spec);
  assert.deepEqual(steps({ ...spec, cdrom: '/srv/iso/b.iso' }, defined), [
    `${at('ide', 1)} --medium none`,
    `${at('ide', 1)} --type dvddrive --medium /srv/iso/b.iso`,
  ]);
  assert.deepEqual(steps({ ...spec, disks: [...spec.disks, disk('disk1')] }, defined, new Map([['/srv/images/100/disk0.vdi', null]])), [
    'createmedium disk --filename /srv/images/100/disk1.vdi --sizebyte 1000000512 --format VDI --variant Standard',
    `${at('ide', 0, 1)} --type hdd --medium /srv/images/100/disk1.vdi`,
  ]);
  assert.deepEqual(steps({ ...spec, disks: [] }, defined), [`${at('ide', 0)} --medium none`]);
});

test('a cloud-init drive takes the last place on IDE', () => {
  const withDrive = { ...spec, cloudInit: '/srv/images/100/cloud-init-1.iso' };
  assert.deepEqual(steps(withDrive, asPlanned(spec)), [`${at('ide', 1, 1)} --type dvddrive --medium /srv/images/100/cloud-init-1.iso`]);
  assert.deepEqual(steps(withDrive, asPlanned(withDrive)), []);
  assert.deepEqual(steps(spec, asPlanned(withDrive)), [`${at('ide', 1, 1)} --medium none`]);
});

test('what a drive is like, its limit and its cache are changed in place', () => {
  const limited = { ...spec, disks: [disk('disk0', { cache: 'none', mbpsLimit: 5 })] };
  const defined = asPlanned(limited);
  assert.deepEqual(steps({ ...spec, disks: [disk('disk0', { cache: 'none', mbpsLimit: 6 })] }, defined), [
    'bandwidthctl set disk0 --limit 48m',
  ]);
  assert.deepEqual(steps({ ...spec, disks: [disk('disk0', { ssd: true })] }, defined), [
    'storagectl --name ide --hostiocache on',
    `${at('ide', 0)} --nonrotational on --bandwidthgroup none`,
    'bandwidthctl remove disk0',
  ]);
});

test('an image that is too small grows, and none is made smaller', () => {
  const sized = (bytes: number): string[] => steps(spec, asPlanned(spec), new Map([['/srv/images/100/disk0.vdi', bytes]]));
  assert.deepEqual(sized(1_000_000_000), ['modifymedium disk /srv/images/100/disk0.vdi --resizebyte 1000000512']);
  assert.deepEqual([sized(1_000_000_512), sized(2_000_000_000)], [[], []]);
});

test('a controller with too few ports gets more', () => {
  const sata = { ...spec, disks: [disk('disk0', { bus: 'sata' })] };
  const few = {
    ...asPlanned(sata),
    controllers: [
      { name: 'ide', ports: 2, hostIoCache: true },
      { name: 'sata', ports: 1, hostIoCache: true },
    ],
  };
  assert.deepEqual(steps(sata, few), ['storagectl --name sata --portcount 10']);
});

test('flushes are passed on unless the cache mode is unsafe, by the keys that VirtualBox 7.2.22 looks at', () => {
  const disks = [
    disk('disk2', { bus: 'ide' }),
    disk('disk3', { bus: 'sata' }),
    disk('disk4', { bus: 'scsi', cache: 'none' }),
    disk('disk5', { bus: 'nvme' }),
    disk('disk6', { bus: 'sata', cache: 'unsafe' }),
  ];
  const keys = Object.keys(flushExtraData({ disks }));
  assert.deepEqual(keys, [
    'VBoxInternal/Devices/piix3ide/0/LUN#3/Config/IgnoreFlush',
    'VBoxInternal/Devices/ahci/0/LUN#3/Config/IgnoreFlush',
    'VBoxInternal/Devices/virtio-scsi/0/LUN#4/AttachedDriver/Config/IgnoreFlush',
    'VBoxInternal/Devices/nvme/0/LUN#5/Config/IgnoreFlush',
  ]);
  assert.ok(keys.every(isFlushKey));
  assert.equal(isFlushKey('VBoxInternal/Devices/ahci/0/LUN#3/Config/Other'), false);
});

test('whatever disks there are: no two in one place, and what is as planned needs no step', () => {
  const anyDisk = fc.record({
    number: fc.integer({ min: 0, max: 9 }),
    bus: fc.constantFrom(...support.diskBuses),
    cache: fc.constantFrom(...support.diskCaches),
    ssd: fc.boolean(),
    mbpsLimit: fc.integer({ min: 0, max: 1000 }),
  });
  const anyDisks = fc
    .uniqueArray(anyDisk, { selector: ({ number }) => number })
    .map((disks) =>
      disks.map(({ number, ...change }) => disk(`disk${number}`, number > 2 && change.bus === 'ide' ? { ...change, bus: 'scsi' } : change)),
    );
  fc.assert(
    fc.property(anyDisks, (disks) => {
      const machine = { ...spec, disks };
      const places = planDrives(machine).map(({ place }) => JSON.stringify(place));
      assert.equal(new Set(places).size, places.length);
      assert.deepEqual(steps(machine, asPlanned(machine)), []);
    }),
  );
});

test('what the guest trims is given back on SATA, of disks that it knows as SSDs, and can be kept', () => {
  const given = (change: Partial<MachineDisk>): boolean => planDisk({ ...disk('disk0', { bus: 'sata', ssd: true }), ...change }).discard;
  assert.ok(given({}));
  for (const change of [{ ssd: false }, { discard: false }, { bus: 'ide' }, { bus: 'scsi' }, { bus: 'nvme' }] as const)
    assert.ok(!given(change), JSON.stringify(change));
});

test('discard is switched off where somebody switched it on', () => {
  const on = asPlanned(spec);
  const attachments = on.attachments.map((drive) => ({ ...drive, discard: drive.type === 'HardDisk' }));
  assert.deepEqual(steps(spec, { ...on, attachments }), [`${at('ide', 0)} --discard off`]);
});

test("what is attached of a linked clone's disk is the image that is written to", () => {
  const image = '/srv/images/100/nakhoda-100/Snapshots/{a}.vdi';
  const linkedImages = new Map([['/srv/images/100/disk0.vdi', image]]);
  const observed = asPlanned({ ...spec, disks: [] });
  const args = storageSteps(spec, { observed, existingImages: all, linkedImages }).map((step) => step.args);
  assert.ok(args.some((words) => words[0] === 'storageattach' && words.includes(image)));
  assert.deepEqual(storageSteps(spec, { observed: asPlanned(spec), existingImages: all, linkedImages }), []);
});

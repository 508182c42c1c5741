import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineSpec } from '@nakhoda/driver';

import { attachmentArgs, createStep, modifyArgs, storageSteps } from './definition-plan.ts';
import { hardwareSupport } from './hardware.ts';
import type { ObservedAttachment, ObservedMachine } from './machine-file.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const support = hardwareSupport('interpreter');
const spec: MachineSpec = {
  vmid: 100,
  name: 'tiny-a',
  uuid,
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(support),
  directory: '/srv/images/100',
  runtimeDirectory: '/srv/run/100',
  disks: [{ slot: 'disk0', path: '/srv/images/100/disk0.vdi', format: 'vdi', sizeBytes: 1_000_000_001, ...defaultDisk(support) }],
  cdrom: '/srv/iso/tiny.iso',
  nics: [
    { slot: 'net0', mac: '52:54:00:0a:0b:0c', attachment: { kind: 'udp-tunnel', localPort: 4001, peerPort: 4002 }, ...defaultNic(support) },
  ],
};
const second = {
  slot: 'disk1',
  path: '/srv/images/100/disk1.vdi',
  format: 'vdi' as const,
  sizeBytes: 1024 * 1024,
  ...defaultDisk(support),
};

const nothing: ObservedMachine = {
  uuid,
  name: 'nakhoda-100',
  cores: 1,
  memoryMiB: 128,
  nics: [],
  aborted: false,
  savedState: false,
  remoteDisplay: false,
  currentSnapshotUuid: null,
  snapshots: [],
  controllers: [],
  attachments: [],
  extraData: {},
};
const attached = (
  controller: string,
  port: number,
  device: number,
  type: ObservedAttachment['type'],
  path: string | null,
): ObservedAttachment => ({
  controller,
  port,
  device,
  type,
  mediumUuid: path === null ? null : 'a',
  baseLocation: path,
});
const defined: ObservedMachine = {
  ...nothing,
  controllers: [{ name: 'ide', ports: 2 }],
  attachments: [attached('ide', 0, 0, 'HardDisk', '/srv/images/100/disk0.vdi'), attached('ide', 1, 0, 'DVD', '/srv/iso/tiny.iso')],
};
const steps = (
  wanted: MachineSpec,
  observed: ObservedMachine,
  options: { existing?: string[]; mode?: 'interpreter' | 'hardware' } = {},
): string[] =>
  storageSteps(wanted, {
    observed,
    mode: options.mode ?? 'interpreter',
    existingImages: new Map((options.existing ?? []).map((path) => [path, null])),
  }).map(({ args }) => args.join(' '));

test('createvm names the machine by its vmid, and puts it into its own folder', () => {
  assert.deepEqual(createStep(spec, 'nakhoda-100').args, [
    'createvm',
    ...['--name', 'nakhoda-100', '--uuid', uuid, '--basefolder', '/srv/images/100', '--ostype', 'Linux26_64', '--register'],
  ]);
});

test('modifyvm has the whole machine', () => {
  assert.equal(
    modifyArgs(spec).join(' '),
    `modifyvm ${uuid} --cpus 1 --memory 128 --description Nakhoda's VM tiny-a ` +
      '--chipset piix3 --ioapic on --x86-x2apic on --paravirt-provider kvm --rtc-use-utc on ' +
      '--firmware bios --firmware-logo-fade-in off --firmware-logo-fade-out off --firmware-logo-display-time 0 --firmware-boot-menu disabled ' +
      '--boot1 dvd --boot2 disk --boot3 none --boot4 none ' +
      '--graphicscontroller vmsvga --vram 8 --mouse ps2 --keyboard ps2 ' +
      '--audio-enabled off --audio-driver none --usb-ohci off --usb-ehci off --usb-xhci off ' +
      '--clipboard-mode disabled --drag-and-drop disabled --vrde off ' +
      '--uart1 0x3F8 4 --uart-mode1 server /srv/run/100/serial.sock --uart-type1 16550A ' +
      '--uart2 0x2F8 3 --uart-mode2 server /srv/run/100/agent.sock --uart-type2 16550A ' +
      '--nic1 generic --nic-generic-drv1 UDPTunnel --nic-property1=dest=127.0.0.1 --nic-property1=sport=4001 --nic-property1=dport=4002 --cable-connected1 on ' +
      '--nic-type1 82540EM --mac-address1 5254000A0B0C ' +
      '--nic2 none --nic3 none --nic4 none --nic5 none --nic6 none --nic7 none --nic8 none',
  );
});

test('each kind of attachment', () => {
  const args = (attachment: MachineSpec['nics'][number]['attachment']): string =>
    attachmentArgs([{ slot: 'net3', mac: '52:54:00:0a:0b:0c', attachment, ...defaultNic(support) }]).join(' ');
  assert.equal(args({ kind: 'bridged', interface: 'nk-lab' }), '--nic4 bridged --bridge-adapter4 nk-lab --cable-connected4 on');
  assert.equal(args({ kind: 'none' }), '--nic4 null --cable-connected4 off');
  assert.deepEqual(attachmentArgs([]), []);
});

test('a new machine gets its drives and the images that are missing, in whole sectors', () => {
  assert.deepEqual(steps(spec, nothing), [
    `storagectl ${uuid} --name ide --add ide --controller PIIX4`,
    'createmedium disk --filename /srv/images/100/disk0.vdi --sizebyte 1000000512 --format VDI --variant Standard',
    `storageattach ${uuid} --storagectl ide --port 0 --device 0 --type hdd --medium /srv/images/100/disk0.vdi`,
    `storageattach ${uuid} --storagectl ide --port 1 --device 0 --type dvddrive --medium /srv/iso/tiny.iso`,
  ]);
  const existing = steps(spec, nothing, { existing: ['/srv/images/100/disk0.vdi'] });
  assert.equal(
    existing.some((step) => step.startsWith('createmedium')),
    false,
  );
  assert.equal(
    steps({ ...spec, disks: [], cdrom: null }, nothing).at(-1),
    `storageattach ${uuid} --storagectl ide --port 1 --device 0 --type dvddrive --medium emptydrive`,
  );
});

test('only steps that make images name them for the undoing', () => {
  const made = storageSteps(spec, { observed: nothing, mode: 'interpreter', existingImages: new Map() }).flatMap(
    ({ makes }) => makes ?? [],
  );
  assert.deepEqual(made, ['/srv/images/100/disk0.vdi']);
});

test('what is as it should be needs no step', () => {
  assert.deepEqual(steps(spec, defined, { existing: ['/srv/images/100/disk0.vdi'] }), []);
});

test('another CD, none, and a further disk are changes of one place each', () => {
  const existing = ['/srv/images/100/disk0.vdi'];
  assert.deepEqual(steps({ ...spec, cdrom: '/srv/iso/b.iso' }, defined, { existing }), [
    `storageattach ${uuid} --storagectl ide --port 1 --device 0 --medium none`,
    `storageattach ${uuid} --storagectl ide --port 1 --device 0 --type dvddrive --medium /srv/iso/b.iso`,
  ]);
  assert.deepEqual(steps({ ...spec, disks: [...spec.disks, second] }, defined, { existing }), [
    'createmedium disk --filename /srv/images/100/disk1.vdi --sizebyte 1048576 --format VDI --variant Standard',
    `storageattach ${uuid} --storagectl ide --port 0 --device 1 --type hdd --medium /srv/images/100/disk1.vdi`,
  ]);
  assert.deepEqual(steps({ ...spec, disks: [] }, defined, { existing }), [
    `storageattach ${uuid} --storagectl ide --port 0 --device 0 --medium none`,
  ]);
});

test('disks are on SATA with hardware virtualization, and where IDE has no room', () => {
  const existing = [spec.disks[0]?.path ?? '', second.path];
  assert.deepEqual(steps(spec, defined, { existing, mode: 'hardware' }), [
    `storagectl ${uuid} --name sata --add sata --controller IntelAhci --portcount 1`,
    `storageattach ${uuid} --storagectl ide --port 0 --device 0 --medium none`,
    `storageattach ${uuid} --storagectl sata --port 0 --device 0 --type hdd --medium /srv/images/100/disk0.vdi`,
  ]);
  const onSata: ObservedMachine = {
    ...defined,
    controllers: [...defined.controllers, { name: 'sata', ports: 1 }],
    attachments: [attached('sata', 0, 0, 'HardDisk', '/srv/images/100/disk0.vdi'), attached('ide', 1, 0, 'DVD', '/srv/iso/tiny.iso')],
  };
  const far = { ...second, slot: 'disk7' };
  assert.deepEqual(steps({ ...spec, disks: [...spec.disks, far] }, onSata, { existing }), [
    `storagectl ${uuid} --name sata --portcount 8`,
    `storageattach ${uuid} --storagectl sata --port 7 --device 0 --type hdd --medium /srv/images/100/disk1.vdi`,
  ]);
});

test('a cloud-init drive takes the last place on IDE, from a third disk if it must', () => {
  const existing = ['/srv/images/100/disk0.vdi'];
  const withDrive = { ...spec, cloudInit: '/srv/images/100/cloud-init-1.iso' };
  const attach = `storageattach ${uuid} --storagectl ide --port 1 --device 1 --type dvddrive --medium /srv/images/100/cloud-init-1.iso`;
  assert.deepEqual(steps(withDrive, defined, { existing }), [attach]);
  const attachedDrive = attached('ide', 1, 1, 'DVD', '/srv/images/100/cloud-init-1.iso');
  const there = { ...defined, attachments: [...defined.attachments, attachedDrive] };
  assert.deepEqual(steps(withDrive, there, { existing }), []);
  assert.deepEqual(steps(spec, there, { existing }), [`storageattach ${uuid} --storagectl ide --port 1 --device 1 --medium none`]);
  const third = { ...second, slot: 'disk2' };
  assert.match(
    steps({ ...withDrive, disks: [...spec.disks, third] }, nothing, { existing }).join('\n'),
    /sata --port 2 --device 0 --type hdd/u,
  );
});

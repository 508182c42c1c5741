import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineSpec } from '@nakhoda/driver';

import { createStep, modifyArgs } from './definition-plan.ts';
import { hardwareSupport } from './hardware.ts';
import { attachmentArgs } from './nic-plan.ts';

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
      '--chipset piix3 --firmware bios --tpm-type none ' +
      '--ioapic on --x86-x2apic on --paravirt-provider kvm --rtc-use-utc on --cpu-execution-cap 100 ' +
      '--firmware-logo-fade-in off --firmware-logo-fade-out off --firmware-logo-display-time 0 --firmware-boot-menu disabled ' +
      '--boot1 dvd --boot2 disk --boot3 none --boot4 none --nic-boot-prio1 0 ' +
      '--graphicscontroller vmsvga --vram 16 --mouse ps2 --keyboard ps2 ' +
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
  assert.equal(
    attachmentArgs([
      { slot: 'net0', mac: '52:54:00:0a:0b:0c', attachment: { kind: 'bridged', interface: 'br0' }, model: 'virtio', linkUp: false },
    ])
      .slice(-2)
      .join(' '),
    '--cable-connected1 off',
  );
  assert.deepEqual(attachmentArgs([]), []);
});

test('each choice of hardware is an argument', () => {
  const args = (change: Partial<MachineSpec>): string => modifyArgs({ ...spec, ...change }).join(' ');
  const has = (change: Partial<MachineSpec>, expected: string): void => assert.ok(args(change).includes(expected), expected);
  has({ machine: 'q35', firmware: 'uefi', tpm: true }, '--chipset ich9 --firmware efi64 --tpm-type 2.0');
  has({ cores: 4, cpuLimit: 1.5 }, '--cpu-execution-cap 38');
  has({ cores: 4, cpuLimit: 64 }, '--cpu-execution-cap 100');
  has({ cores: 64, cpuLimit: 0.01 }, '--cpu-execution-cap 1 ');
  has({ display: 'std', displayMemoryMiB: 32 }, '--graphicscontroller vboxvga --vram 32');
  has({ audio: true }, '--audio-enabled on --audio-driver null --audio-controller hda');
  has({ bootOrder: ['net0', 'disk0'] }, '--boot1 net --boot2 disk --boot3 none --boot4 none --nic-boot-prio1 1');
  has({ nics: spec.nics.map((nic) => ({ ...nic, model: 'pcnet' })) }, '--nic-type1 Am79C973');
  // VirtualBox refuses memory for no graphics card, and then the whole call.
  assert.doesNotMatch(args({ display: 'none' }), /--vram/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ChainImage } from './block-nodes.ts';
import { commandLine } from './command-line.ts';
import { usualHardware } from './testing/usual-hardware.ts';
import { defaultDisk, defaultHardware, defaultNic, fixedHardware, type MachineSpec } from '@nakhoda/driver';

const spec: MachineSpec = {
  vmid: 101,
  name: 'web',
  uuid: '0b1d2c3e-0000-4000-8000-000000000101',
  cores: 2,
  memoryMiB: 256,
  ...defaultHardware(usualHardware),
  directory: '/srv/images/101',
  runtimeDirectory: '/run/n/101',
  disks: [{ slot: 'disk0', path: '/srv/images/101/disk0.qcow2', format: 'qcow2', sizeBytes: 1024, ...defaultDisk(fixedHardware) }],
  cdrom: '/srv/iso/tiny.iso',
  nics: [{ slot: 'net0', mac: '52:54:00:00:00:65', attachment: { kind: 'tap', tap: 'nk101-0' }, ...defaultNic(fixedHardware) }],
};
const plan = { program: 'qemu-system-x86_64', machineType: 'pc-q35-7.2', accelerator: 'tcg', firmware: null } as const;

/** Ten ports for disks and ten for NICs, eight to a slot. */
const ports = ['disk', 'net']
  .flatMap((kind, index) =>
    Array.from({ length: 10 }, (_, number) => {
      const addr = `0x${(index === 0 ? 4 : 6) + Math.floor(number / 8)}.${number % 8}`;
      const chassis = index * 10 + number + 1;
      const port = { driver: 'pcie-root-port', id: `${kind}${number}-port`, bus: 'pcie.0', addr, chassis };
      return `-device\n${JSON.stringify({ ...port, ...(number % 8 === 0 ? { multifunction: true } : {}) })}`;
    }),
  )
  .join('\n');

test('a VM with a disk, a CD and a NIC', () => {
  assert.equal(
    commandLine(spec, plan).join('\n'),
    `qemu-system-x86_64
-nodefaults
-no-user-config
-sandbox
on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-name
guest=web
-uuid
0b1d2c3e-0000-4000-8000-000000000101
-machine
type=pc-q35-7.2,usb=off,vmport=off
-accel
tcg,thread=multi,tb-size=256
-cpu
qemu64,+popcnt,+pni,+sse4.1,+sse4.2,+ssse3,+aes
-smp
cpus=2,sockets=1,cores=8,threads=1,maxcpus=8
-m
size=256M
-rtc
base=utc
-display
none
-vga
none
-vnc
unix:/run/n/101/vnc.sock,share=ignore
-device
{"driver":"VGA","id":"vga0","bus":"pcie.0","addr":"0x1","vgamem_mb":16}
-boot
menu=off,strict=on
-S
-action
shutdown=pause,panic=pause
-global
ICH9-LPC.disable_s3=1
-global
ICH9-LPC.disable_s4=1
-chardev
socket,id=qmp,path=/run/n/101/qmp.sock,server=on,wait=off
-mon
chardev=qmp,mode=control
-chardev
socket,id=serial0,path=/run/n/101/serial.sock,server=on,wait=off
-device
{"driver":"isa-serial","id":"serial0-device","chardev":"serial0"}
${ports}
-device
{"driver":"virtio-serial-pci","id":"channels","bus":"pcie.0","addr":"0x2"}
-chardev
socket,id=agent,path=/run/n/101/agent.sock,server=on,wait=off
-device
{"driver":"virtserialport","id":"agent-device","chardev":"agent","name":"org.qemu.guest_agent.0"}
-object
{"qom-type":"rng-random","id":"rng0","filename":"/dev/urandom"}
-device
{"driver":"virtio-rng-pci","id":"rng0-device","rng":"rng0","bus":"pcie.0","addr":"0x3"}
-device
{"driver":"pvpanic","id":"pvpanic0"}
-blockdev
{"driver":"file","node-name":"cd0-file","filename":"/srv/iso/tiny.iso","read-only":true}
-blockdev
{"driver":"raw","node-name":"cd0","file":"cd0-file","read-only":true}
-device
{"driver":"ide-cd","id":"cd0-device","bus":"ide.0","drive":"cd0","bootindex":0}
-object
{"qom-type":"throttle-group","id":"disk0-limits","limits":{"iops-total":0,"bps-total":0}}
-blockdev
{"driver":"file","node-name":"disk0-file","filename":"/srv/images/101/disk0.qcow2","discard":"unmap","auto-read-only":true}
-blockdev
{"driver":"qcow2","node-name":"disk0","file":"disk0-file","discard":"unmap","backing":null}
-blockdev
{"driver":"throttle","node-name":"disk0-limits","throttle-group":"disk0-limits","file":"disk0","discard":"unmap"}
-device
{"driver":"virtio-blk-pci","id":"disk0-device","bus":"disk0-port","addr":"0x0","num-queues":4,"drive":"disk0-limits","serial":"disk0","bootindex":1}
-netdev
tap,id=net0,ifname=nk101-0,script=no,downscript=no,vhost=off
-device
{"driver":"virtio-net-pci","id":"net0-device","bus":"net0-port","addr":"0x0","netdev":"net0","mac":"52:54:00:00:00:65","romfile":""}`,
  );
});

test('KVM instead of translation', () => {
  const argv = commandLine(spec, { ...plan, accelerator: 'kvm' });
  assert.deepEqual(argv.slice(argv.indexOf('-accel'), argv.indexOf('-cpu')), ['-accel', 'kvm']);
});

test('a drive without a CD, no disks, a NIC without a cable', () => {
  const bare = commandLine(
    {
      ...spec,
      cdrom: null,
      disks: [],
      nics: [{ slot: 'net3', mac: '52:54:00:00:00:66', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) }],
    },
    plan,
  );
  assert.deepEqual(bare.slice(bare.indexOf('{"driver":"pvpanic","id":"pvpanic0"}') + 1), [
    '-device',
    '{"driver":"ide-cd","id":"cd0-device","bus":"ide.0"}',
    '-netdev',
    'hubport,id=net3,hubid=3',
    '-device',
    '{"driver":"virtio-net-pci","id":"net3-device","bus":"net3-port","addr":"0x0","netdev":"net3","mac":"52:54:00:00:00:66","romfile":""}',
  ]);
});

test('without a display there is neither card nor VNC server', () => {
  const argv = commandLine({ ...spec, display: 'none' }, plan);
  assert.ok(!argv.some((argument) => argument === '-vnc' || argument.includes('VGA')));
});

test('a device keeps its place when another is added', () => {
  const disk = (slot: string) => ({ slot, path: `/srv/${slot}`, format: 'qcow2' as const, sizeBytes: 1, ...defaultDisk(fixedHardware) });
  const addresses = (slots: string[]) =>
    commandLine({ ...spec, disks: slots.map(disk) }, plan).flatMap((argument) => {
      const found = /"id":"(disk\d)-device","bus":"([^"]+)"/.exec(argument);
      return found ? [[found[1], found[2]]] : [];
    });
  assert.deepEqual(addresses(['disk1']), [['disk1', 'disk1-port']]);
  assert.deepEqual(addresses(['disk0', 'disk1', 'disk9']), [
    ['disk0', 'disk0-port'],
    ['disk1', 'disk1-port'],
    ['disk9', 'disk9-port'],
  ]);
});

test('overlays: every image with its format and its backing node, the backing ones read-only, and the device on the top', () => {
  const chain: ChainImage[] = [
    { layer: 7, path: '/srv/images/101/disk0.layer7.qcow2', format: 'qcow2' },
    { layer: 2, path: '/srv/images/101/disk0.layer2.qcow2', format: 'qcow2' },
    { layer: 0, path: '/srv/disk0', format: 'raw' },
  ];
  const argv = commandLine(spec, { ...plan, chain: () => chain, incoming: true });
  assert.deepEqual(argv.slice(argv.indexOf('-S'), argv.indexOf('-S') + 3), ['-S', '-incoming', 'defer']);
  const from = argv.findIndex((argument) => argument.includes('"disk0-file"'));
  assert.deepEqual(argv.slice(from, argv.indexOf('-netdev')), [
    '{"driver":"file","node-name":"disk0-file","filename":"/srv/disk0","discard":"unmap","auto-read-only":true}',
    '-blockdev',
    '{"driver":"raw","node-name":"disk0","file":"disk0-file","discard":"unmap","read-only":true}',
    '-blockdev',
    '{"driver":"file","node-name":"disk0-2-file","filename":"/srv/images/101/disk0.layer2.qcow2","discard":"unmap","auto-read-only":true}',
    '-blockdev',
    '{"driver":"qcow2","node-name":"disk0-2","file":"disk0-2-file","discard":"unmap","backing":"disk0","read-only":true}',
    '-blockdev',
    '{"driver":"file","node-name":"disk0-7-file","filename":"/srv/images/101/disk0.layer7.qcow2","discard":"unmap","auto-read-only":true}',
    '-blockdev',
    '{"driver":"qcow2","node-name":"disk0-7","file":"disk0-7-file","discard":"unmap","backing":"disk0-2"}',
    '-blockdev',
    '{"driver":"throttle","node-name":"disk0-limits","throttle-group":"disk0-limits","file":"disk0-7","discard":"unmap"}',
    '-device',
    '{"driver":"virtio-blk-pci","id":"disk0-device","bus":"disk0-port","addr":"0x0","num-queues":4,"drive":"disk0-limits","serial":"disk0","bootindex":1}',
  ]);
});

test('the images of another VM that a linked clone lies on are opened to be read, and for nothing else', () => {
  const chain: ChainImage[] = [
    { layer: 0, path: '/srv/images/101/disk0.qcow2', format: 'qcow2' },
    { layer: -1, path: '/srv/images/100/disk0.qcow2', format: 'qcow2' },
  ];
  const argv = commandLine(spec, { ...plan, chain: () => chain });
  for (const node of [
    '{"driver":"file","node-name":"disk0-base1-file","filename":"/srv/images/100/disk0.qcow2","discard":"unmap","read-only":true}',
    '{"driver":"qcow2","node-name":"disk0-base1","file":"disk0-base1-file","discard":"unmap","backing":null,"read-only":true}',
    '{"driver":"qcow2","node-name":"disk0","file":"disk0-file","discard":"unmap","backing":"disk0-base1"}',
  ])
    assert.ok(argv.includes(node), node);
});

test('nothing in a path becomes an option', () => {
  const argv = commandLine({ ...spec, runtimeDirectory: '/run/a,server=off', cdrom: '/iso/a",b.iso' }, plan);
  assert.ok(argv.includes('socket,id=qmp,path=/run/a,,server=off/qmp.sock,server=on,wait=off'));
  assert.ok(argv.includes('{"driver":"file","node-name":"cd0-file","filename":"/iso/a\\",b.iso","read-only":true}'));
});

test('a cloud-init drive stands beside the CD drive, is not booted from, and moves no other device', () => {
  const without = commandLine(spec, plan);
  const withDrive = commandLine({ ...spec, cloudInit: '/srv/images/101/cloud-init-1.iso' }, plan);
  assert.deepEqual(
    withDrive.filter((argument) => !without.includes(argument)),
    [
      '{"driver":"file","node-name":"cloudinit-file","filename":"/srv/images/101/cloud-init-1.iso","read-only":true}',
      '{"driver":"raw","node-name":"cloudinit","file":"cloudinit-file","read-only":true}',
      '{"driver":"ide-cd","id":"cloudinit-device","bus":"ide.1","drive":"cloudinit"}',
    ],
  );
  assert.deepEqual(
    without.filter((argument) => !withDrive.includes(argument)),
    [],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, fixedHardware, type MachineDisk, type MachineSpec } from '@nakhoda/driver';
import { diskBuses, machineNames, nicModels } from '@nakhoda/schema';

import { commandLine } from '../command-line.ts';
import { cpuArgument, processorRoom, smpArgument } from './cpu.ts';
import { diskParts } from './disks.ts';
import { memoryArgument, memoryRoom } from './memory.ts';

const nic = { slot: 'net0', mac: '52:54:00:00:00:65', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) } as const;
const spec: MachineSpec = {
  vmid: 101,
  name: 'web',
  uuid: '0b1d2c3e-0000-4000-8000-000000000101',
  cores: 1,
  memoryMiB: 256,
  ...defaultHardware(fixedHardware),
  directory: '/d',
  runtimeDirectory: '/r',
  disks: [],
  cdrom: null,
  nics: [],
};
const usbNodes = { 'usb:046d:c52b': '/dev/bus/usb/001/004' };
const firmware = { code: '/ovmf/code.fd', variables: '/ovmf/vars.fd' };
const line = (changes: Partial<MachineSpec>): string[] =>
  commandLine({ ...spec, ...changes }, { program: 'qemu', machineType: 'pc-x-7.2', accelerator: 'tcg', firmware, usbNodes });
/** What is on the command line with the changes, and not without. */
const added = (changes: Partial<MachineSpec>): string[] => {
  const plain = line({ machine: changes.machine ?? 'q35' });
  return line(changes).filter((argument) => !plain.includes(argument));
};
const disk = (changes: Partial<MachineDisk>): MachineDisk => ({
  slot: 'disk0',
  path: '/d/disk0',
  format: 'raw',
  sizeBytes: 1024,
  ...defaultDisk(fixedHardware),
  ...changes,
});
const devices = (changes: Partial<MachineDisk>, machine: MachineSpec['machine'] = 'q35'): unknown[] =>
  diskParts({ machine, bootOrder: [] }, disk(changes), [{ layer: 0, path: '/d/disk0', format: 'raw' }]).devices;

test('processors: the default as far as there is, a named one as a whole, the host as it is', () => {
  assert.equal(cpuArgument('default'), 'qemu64,+popcnt,+pni,+sse4.1,+sse4.2,+ssse3,+aes');
  assert.equal(cpuArgument('x86-64-v2'), 'qemu64,+popcnt,+pni,+sse4.1,+sse4.2,+ssse3,enforce');
  assert.equal(cpuArgument('Nehalem'), 'Nehalem,enforce');
  assert.deepEqual([cpuArgument('host'), cpuArgument('max')], ['host', 'max']);
});

test('room for processors is the same for all numbers that a VM can have while it runs', () => {
  assert.deepEqual(
    [1, 2, 8, 9, 16, 17, 200, 255].map((cores) => processorRoom({ cores, sockets: 1 })),
    [8, 8, 8, 16, 16, 32, 255, 255],
  );
  assert.equal(smpArgument({ cores: 2, sockets: 3 }), 'cpus=6,sockets=3,cores=2,threads=1,maxcpus=6');
});

test('disks: one device for each bus, SCSI with a controller of its own', () => {
  const place = { bus: 'disk0-port', addr: '0x0' };
  const common = { id: 'disk0-device', drive: 'disk0-limits', serial: 'disk0' };
  assert.deepEqual(devices({ bus: 'virtio' }), [{ 'driver': 'virtio-blk-pci', ...common, ...place, 'num-queues': 4 }]);
  assert.deepEqual(devices({ bus: 'nvme' }), [{ driver: 'nvme', ...common, ...place }]);
  assert.deepEqual(devices({ bus: 'scsi', ssd: true }), [
    { driver: 'virtio-scsi-pci', id: 'disk0-controller', ...place, num_queues: 4 },
    { 'driver': 'scsi-hd', ...common, 'bus': 'disk0-controller.0', 'scsi-id': 0, 'lun': 0, 'rotation_rate': 1 },
  ]);
  assert.deepEqual(devices({ bus: 'sata' }), [{ driver: 'ide-hd', ...common, bus: 'ide.2' }]);
  assert.deepEqual(devices({ bus: 'sata' }, 'i440fx'), [{ driver: 'ide-hd', ...common, bus: 'sata0.0' }]);
  assert.deepEqual(devices({ bus: 'ide' }, 'i440fx'), [{ driver: 'ide-hd', ...common, bus: 'ide.0', unit: 0 }]);
  assert.deepEqual(devices({ bus: 'virtio' }, 'i440fx'), [
    { 'driver': 'virtio-blk-pci', ...common, 'bus': 'pci.0', 'addr': '0xb', 'num-queues': 4 },
  ]);
});

test('cache modes are QEMU’s three switches', () => {
  const switches = (cache: MachineDisk['cache']): unknown[] => {
    const { nodes = [], devices: made } = diskParts(spec, disk({ cache }), [{ layer: 0, path: '/d/disk0', format: 'raw' }]);
    assert.deepEqual(nodes[0]?.['cache'], nodes[1]?.['cache'], 'the file and its format differ');
    return [nodes[0]?.['cache'], made[0]?.['write-cache']];
  };
  assert.deepEqual(switches('writeback'), [undefined, undefined]);
  assert.deepEqual(switches('none'), [{ direct: true }, undefined]);
  assert.deepEqual(switches('writethrough'), [undefined, 'off']);
  assert.deepEqual(switches('directsync'), [{ direct: true }, 'off']);
  assert.deepEqual(switches('unsafe'), [{ 'no-flush': true }, undefined]);
});

test('limits are a throttle group’s; discard goes down to the file or nowhere', () => {
  const { objects, nodes = [] } = diskParts(spec, disk({ iopsLimit: 100, mbpsLimit: 5, discard: false }), []);
  assert.deepEqual(objects, [
    { 'qom-type': 'throttle-group', 'id': 'disk0-limits', 'limits': { 'iops-total': 100, 'bps-total': 5_000_000 } },
  ]);
  assert.ok(nodes.every((node) => !('discard' in node)));
});

test('a second controller for SATA disks beyond the chipset’s places, and only then', () => {
  const controllers = (slots: string[], machine: MachineSpec['machine'] = 'q35'): string[] =>
    added({ machine, disks: slots.map((slot) => disk({ slot, path: `/d/${slot}`, bus: 'sata' })) }).filter((one) => one.includes('ahci'));
  assert.deepEqual(controllers(['disk0', 'disk3']), []);
  assert.deepEqual(controllers(['disk4']), ['{"driver":"ich9-ahci","id":"sata1","bus":"pcie.0","addr":"0xd"}']);
  assert.deepEqual(controllers(['disk0'], 'i440fx'), ['{"driver":"ich9-ahci","id":"sata0","bus":"pci.0","addr":"0x9"}']);
});

test('NICs by QEMU’s names; one that is booted from keeps its ROM', () => {
  const drivers = nicModels.map((model) => /"driver":"([^"]+)"/.exec(added({ nics: [{ ...nic, model }] }).at(-1) ?? '')?.[1]);
  assert.deepEqual(drivers, ['virtio-net-pci', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'pcnet']);
  const booted = added({ nics: [nic], bootOrder: ['net0'] }).at(-1);
  assert.match(booted ?? '', /"bootindex":0/);
  assert.doesNotMatch(booted ?? '', /romfile/);
});

test('UEFI: code that is only read, variables of the VM’s own, with secure boot behind SMM', () => {
  assert.deepEqual(added({ firmware: 'uefi', secureBoot: true }), [
    '-blockdev',
    '{"driver":"file","node-name":"efi-file","filename":"/ovmf/code.fd","read-only":true}',
    '-blockdev',
    '{"driver":"raw","node-name":"efi","file":"efi-file","read-only":true}',
    '-blockdev',
    '{"driver":"file","node-name":"efivars-file","filename":"/d/efivars.qcow2","discard":"unmap","auto-read-only":true}',
    '-blockdev',
    '{"driver":"qcow2","node-name":"efivars","file":"efivars-file","discard":"unmap","backing":null}',
    'type=pc-x-7.2,usb=off,vmport=off,pflash0=efi,pflash1=efivars,smm=on',
    'driver=cfi.pflash01,property=secure,value=on',
  ]);
});

test('the other devices', () => {
  assert.deepEqual(added({ tpm: true }), [
    'socket,id=tpm0,path=/r/tpm.sock',
    '-tpmdev',
    'emulator,id=tpm0,chardev=tpm0',
    '{"driver":"tpm-crb","id":"tpm0-device","tpmdev":"tpm0"}',
  ]);
  assert.deepEqual(added({ serialPorts: 2 }), [
    'socket,id=serial1,path=/r/serial1.sock,server=on,wait=off',
    '{"driver":"isa-serial","id":"serial1-device","chardev":"serial1"}',
  ]);
  assert.deepEqual(added({ watchdog: 'reset' })[0], 'shutdown=pause,panic=pause,watchdog=reset');
  assert.deepEqual(added({ watchdog: 'poweroff' })[0], 'shutdown=pause,panic=pause,watchdog=pause');
  assert.match(added({ balloonMiB: 64 }).join(' '), /"virtio-balloon-pci".*"deflate-on-oom":true,"free-page-reporting":true/);
  assert.match(added({ audio: true }).join(' '), /none,id=audio0 .*ich9-intel-hda.*hda-duplex/);
  assert.match(added({ display: 'std' }).join(' '), /"driver":"VGA".*"addr":"0x1","vgamem_mb":16/);
  assert.match(added({ display: 'virtio' }).join(' '), /"max_hostmem":16777216/);
  assert.match(added({ display: 'qxl' }).join(' '), /"vgamem_mb":16,"ram_size_mb":64,"vram_size_mb":32/);
  assert.deepEqual(
    line({ rng: false }).filter((argument) => argument.includes('rng')),
    [],
  );
  assert.deepEqual(added({ hostDevices: ['usb:046d:c52b', 'pci:0000:01:00.0'] }), [
    '{"driver":"pcie-root-port","id":"host0-port","bus":"pcie.0","addr":"0x10","chassis":21}',
    '{"driver":"qemu-xhci","id":"usb0","bus":"pcie.0","addr":"0xb"}',
    '{"driver":"usb-host","id":"usb0-host0","bus":"usb0.0","hostdevice":"/dev/bus/usb/001/004"}',
    '{"driver":"vfio-pci","id":"host0-device","host":"0000:01:00.0","bus":"host0-port","addr":"0x0"}',
  ]);
});

test('room for memory: none by default, whole blocks of the guest for what may come', () => {
  assert.deepEqual(
    [0, 100, 256, 257, 384, 385].map((memoryMaxMiB) => memoryRoom({ memoryMaxMiB, baseMiB: 256 })),
    [0, 0, 0, 128, 128, 256],
  );
  assert.equal(memoryArgument({ memoryMaxMiB: 0, baseMiB: 256, machine: 'q35' }), 'size=256M');
  assert.deepEqual(added({ memoryMaxMiB: 1000 }), [
    'size=256M,maxmem=1024M',
    '{"qom-type":"memory-backend-ram","id":"memory0","size":805306368}',
    '{"driver":"virtio-mem-pci","id":"memory0-device","bus":"pcie.0","addr":"0xe","memdev":"memory0","block-size":4194304,"requested-size":0}',
  ]);
});

test('no two devices stand in one place, whatever a VM has', () => {
  for (const machine of machineNames) {
    for (const bus of diskBuses) {
      const slots = Array.from({ length: bus === 'ide' ? 2 : 10 }, (_, number) => number);
      const full = line({
        machine,
        ...{ display: 'std', balloonMiB: 16, memoryMaxMiB: 512, watchdog: 'reset', audio: true, serialPorts: 2 },
        disks: bus === 'ide' && machine === 'q35' ? [] : slots.map((n) => disk({ slot: `disk${n}`, path: `/d/${n}`, bus })),
        nics: slots.map((n) => ({ ...nic, slot: `net${n}` })),
        hostDevices: machine === 'q35' ? ['usb:046d:c52b', 'pci:0000:01:00.0', 'pci:0000:02:00.0'] : ['usb:046d:c52b'],
      });
      const parts = full.filter((argument) => argument.startsWith('{')).map((argument) => JSON.parse(argument) as Record<string, unknown>);
      const places = parts.flatMap((part) => {
        if (part['bus'] === undefined) return [];
        const { bus: on, addr, unit } = part;
        const place = JSON.stringify([on, addr ?? unit]);
        return place.includes('"ide') || addr !== undefined ? [place] : [];
      });
      assert.equal(new Set(places).size, places.length, `${machine} ${bus}: ${places.join(', ')}`);
      const ids = parts.flatMap((part) => (part['driver'] !== undefined && part['id'] !== undefined ? [part['id']] : []));
      assert.equal(new Set(ids).size, ids.length, `${machine} ${bus}: an id is there twice`);
    }
  }
});

import type { Capabilities, Vm } from '@nakhoda/schema';

import { exampleVm } from './example-vm.ts';

/** A VM that runs, with a disk and a NIC. */
export function runningVm(over: Partial<Vm> = {}): Vm {
  return exampleVm({
    state: 'running',
    disks: [exampleDisk('disk0')],
    nics: [{ slot: 'net0', network: 'lab', mac: '02:4e:4b:00:00:01', model: 'virtio', linkUp: true }],
    ...over,
  });
}

export function exampleDisk(slot: string): Vm['disks'][number] {
  return {
    slot,
    volume: `local:images/100/${slot}.qcow2`,
    format: 'qcow2',
    sizeGiB: 4,
    bus: 'virtio',
    cache: 'writeback',
    discard: true,
    ssd: false,
    iopsLimit: 0,
    mbpsLimit: 0,
  };
}

/** Of a hypervisor that offers little. */
export function exampleCapabilities(hardware: Partial<Capabilities['hardware']> = {}): Capabilities {
  const verdict = { allowed: false };
  return {
    snapshots: null,
    clones: false,
    serial: false,
    guest: null,
    display: { vnc: verdict, screenshot: verdict, keyboard: verdict },
    nicBackends: ['none'],
    diskFormat: 'qcow2',
    pause: false,
    reset: false,
    suspend: false,
    crashPause: verdict,
    hotplug: [],
    hardware: {
      maxSockets: 1,
      cpuModels: ['default', 'host'],
      machines: ['q35'],
      firmwares: ['bios', 'uefi'],
      diskBuses: ['sata', 'ide'],
      diskCaches: ['writeback'],
      nicModels: ['virtio'],
      displays: ['std', 'none'],
      watchdogs: ['none'],
      rng: false,
      maxDisplayMemoryMiB: 256,
      maxSerialPorts: 2,
      fields: ['bootOrder', 'ssd'],
      reasons: { sockets: 'It has one socket.', tpm: 'It has no TPM.', diskBus: 'It has no others.', machine: 'It has one chipset.' },
      ...hardware,
    },
    maxCores: 8,
    minMemoryMiB: 64,
    maxMemoryMiB: 4096,
  };
}

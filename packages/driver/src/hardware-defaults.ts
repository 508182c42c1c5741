import type { HardwareSupport, VmDisk, VmNic } from '@nakhoda/schema';

import type { MachineHardware } from './driver.ts';

/** The first that is supported: what a new VM gets. */
function first<Name>(names: readonly Name[], otherwise: Name): Name {
  return names[0] ?? otherwise;
}

/** The hardware that a VM has where nothing else is asked for. */
export function defaultHardware(support: HardwareSupport): MachineHardware {
  return {
    sockets: 1,
    cpuModel: first(support.cpuModels, 'default'),
    cpuLimit: 0,
    cpuShares: 100,
    balloonMiB: 0,
    memoryMaxMiB: 0,
    machine: first(support.machines, 'q35'),
    firmware: first(support.firmwares, 'bios'),
    secureBoot: false,
    tpm: false,
    display: first(support.displays, 'none'),
    displayMemoryMiB: Math.min(16, support.maxDisplayMemoryMiB),
    bootOrder: ['cdrom', 'disk0'],
    serialPorts: 1,
    audio: false,
    rng: support.rng,
    watchdog: 'none',
    hostDevices: [],
  };
}

/** What a disk is like where nothing else is asked for. */
export function defaultDisk(support: HardwareSupport): Pick<VmDisk, 'bus' | 'cache' | 'discard' | 'ssd' | 'iopsLimit' | 'mbpsLimit'> {
  return {
    bus: first(support.diskBuses, 'virtio'),
    cache: first(support.diskCaches, 'none'),
    discard: true,
    ssd: false,
    iopsLimit: 0,
    mbpsLimit: 0,
  };
}

/** What a NIC is like where nothing else is asked for. */
export function defaultNic(support: HardwareSupport): Pick<VmNic, 'model' | 'linkUp'> {
  return { model: first(support.nicModels, 'virtio'), linkUp: true };
}

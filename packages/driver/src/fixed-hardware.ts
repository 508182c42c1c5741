import type { HardwareSupport } from '@nakhoda/schema';

/** A hypervisor that gives one kind of hardware and no choice. Drivers widen it by what they can do. */
export const fixedHardware: HardwareSupport = {
  maxSockets: 1,
  cpuModels: ['default'],
  machines: ['q35'],
  firmwares: ['bios'],
  diskBuses: ['virtio'],
  diskCaches: ['writeback'],
  nicModels: ['virtio'],
  displays: ['none'],
  watchdogs: ['none'],
  rng: true,
  maxDisplayMemoryMiB: 16,
  maxSerialPorts: 1,
  fields: [],
  reasons: {},
};

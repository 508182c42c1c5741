import {
  type Capabilities,
  diskBuses,
  diskCaches,
  displayNames,
  firmwareNames,
  machineNames,
  nicModels,
  watchdogActions,
} from '@nakhoda/schema';

/** It gives whatever there is a name for: nothing of it is real. */
export const fakeCapabilities: Capabilities = {
  snapshots: { live: true, memory: true, deleteWithChildren: true },
  serial: true,
  guest: { exec: true, files: true },
  nicBackends: ['none'],
  diskFormat: 'qcow2',
  pause: true,
  reset: true,
  suspend: true,
  hardware: {
    maxSockets: 4,
    cpuModels: ['default', 'host', 'x86-64-v2-AES'],
    machines: machineNames.slice(),
    firmwares: firmwareNames.slice(),
    diskBuses: diskBuses.slice(),
    diskCaches: diskCaches.slice(),
    nicModels: nicModels.slice(),
    displays: displayNames.slice(),
    watchdogs: watchdogActions.slice(),
    rng: true,
    maxDisplayMemoryMiB: 256,
    maxSerialPorts: 2,
    fields: [
      ...['cpuLimit', 'cpuShares', 'balloonMiB', 'secureBoot', 'tpm', 'audio', 'rng', 'bootOrder', 'hostDevices'],
      ...['discard', 'ssd', 'iopsLimit', 'mbpsLimit', 'linkUp'],
    ],
    reasons: {},
  },
  maxCores: 64,
  minMemoryMiB: 16,
  maxMemoryMiB: 65_536,
};

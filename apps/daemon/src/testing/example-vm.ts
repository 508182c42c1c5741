import { defaultDisk, defaultHardware, defaultNic, fixedHardware } from '@nakhoda/driver';
import type { Capabilities, VmDisk, VmSpec } from '@nakhoda/schema';

import { defaultOptions } from '../services/vm-defaults.ts';
import type { VmPlanFacts } from '../services/vm-planner.ts';
import type { VmRecord } from '../services/vm-record.ts';

/** A disk of 4 GiB with the usual settings. */
export function exampleDisk(slot: string, file: string, vmid = 100): VmDisk {
  return { slot, volume: `local:images/${vmid}/${file}`, format: 'qcow2', sizeGiB: 4, ...defaultDisk(fixedHardware) };
}

/** The record of a small VM with one disk and one NIC, for tests of planners and sagas. */
export function exampleRecord(overrides: Partial<VmSpec> = {}): VmRecord {
  const spec: VmSpec = {
    vmid: 100,
    name: 'web',
    uuid: '11111111-2222-4333-8444-555555555555',
    node: 'local',
    hypervisor: 'qemu',
    cores: 1,
    memoryMiB: 512,
    ...defaultHardware(fixedHardware),
    disks: [exampleDisk('disk0', 'disk-0.qcow2', overrides.vmid)],
    cdrom: null,
    nics: [{ slot: 'net0', network: 'lab', mac: '02:4e:4b:00:00:01', ...defaultNic(fixedHardware) }],
    ...defaultOptions,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...overrides,
  };
  return { spec, attachments: { net0: { kind: 'tap', tap: 'nk100n0' } }, cdromPath: null };
}

export const exampleCapabilities: Capabilities = {
  snapshots: null,
  clones: false,
  serial: true,
  guest: null,
  display: { vnc: { allowed: false }, screenshot: { allowed: false }, keyboard: { allowed: false } },
  nicBackends: ['tap'],
  diskFormat: 'qcow2',
  pause: true,
  reset: true,
  suspend: false,
  crashPause: { allowed: true },
  hotplug: [],
  hardware: fixedHardware,
  maxCores: 8,
  minMemoryMiB: 32,
  maxMemoryMiB: 65_536,
};

/** What planners of new VMs know of a host with nothing on it but a network. */
export const exampleFacts: VmPlanFacts = {
  node: 'local',
  capabilities: exampleCapabilities,
  takenVmids: new Set(),
  takenNames: new Set(),
  networks: new Set(['lab']),
  pool: { name: 'local', totalBytes: 100 * 1024 ** 3 },
  hostMemoryMiB: 4096,
  passwordHash: null,
  uuid: '11111111-2222-4333-8444-555555555555',
  takenMacs: new Set(),
  macBytes: [1, 2, 255],
  now: '2026-01-01T00:00:00.000Z',
};

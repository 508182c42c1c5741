import type { PendingChange, Vm } from '@nakhoda/schema';

import { fieldPlace, runningHardware } from './running-hardware.ts';

/** The fields that one dialog changes, in the order of the table. */
export const hardwareGroups = {
  memory: ['memoryMiB', 'balloonMiB', 'memoryMaxMiB'],
  processors: ['cores', 'sockets', 'cpuModel', 'cpuLimit', 'cpuShares'],
  firmware: ['firmware', 'secureBoot', 'tpm'],
  machine: ['machine'],
  display: ['display', 'displayMemoryMiB'],
  boot: ['bootOrder'],
  cdrom: ['cdrom'],
  disk: ['bus', 'cache', 'ssd', 'discard', 'iopsLimit', 'mbpsLimit'],
  nic: ['network', 'model'],
  cloudInit: ['cloudInit'],
  serial: ['serialPorts'],
  audio: ['audio'],
  rng: ['rng'],
  watchdog: ['watchdog'],
  hostDevices: ['hostDevices'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type HardwareGroup = keyof typeof hardwareGroups;

/** A line of the table. */
export interface HardwareRow {
  /** The group, or the slot of a disk or NIC. */
  readonly key: string;
  readonly group: HardwareGroup;
  readonly slot: string | null;
  readonly pending: readonly PendingChange[];
  /** `arrives`: the present run has it not yet; `leaves`: the next start will not have it. */
  readonly change: 'arrives' | 'leaves' | 'changes' | 'none';
}

/** Every piece of hardware of a VM, wanted or running, in Proxmox VE's order. Pure. */
export function hardwareRows(vm: Vm): readonly HardwareRow[] {
  return (Object.keys(hardwareGroups) as HardwareGroup[]).flatMap((group) => {
    if (group === 'disk') return deviceRows(vm, 'disk', 'disks');
    if (group === 'nic') return deviceRows(vm, 'nic', 'nics');
    if (group === 'cloudInit' && vm.cloudInit === null && !vm.pending.some(({ field }) => field === 'cloudInit')) return [];
    const fields: readonly string[] = hardwareGroups[group];
    const pending = vm.pending.filter(({ field }) => fields.includes(field));
    return [{ key: group, group, slot: null, pending, change: pending.length > 0 ? 'changes' : 'none' }];
  });
}

function deviceRows(vm: Vm, group: 'disk' | 'nic', list: 'disks' | 'nics'): HardwareRow[] {
  const slotsOf = (one: Vm): string[] => one[list].map(({ slot }) => slot);
  const wanted = slotsOf(vm);
  const running = slotsOf(runningHardware(vm));
  return [...new Set([...wanted, ...running])].toSorted().map((slot) => {
    const pending = vm.pending.filter(({ field }) => {
      const place = fieldPlace(field);
      return place.list === list && place.slot === slot;
    });
    const change = !running.includes(slot) ? 'arrives' : !wanted.includes(slot) ? 'leaves' : pending.length > 0 ? 'changes' : 'none';
    return { key: slot, group, slot, pending, change };
  });
}

import type { Vm } from '@nakhoda/schema';

import { runningHardware } from './running-hardware.ts';

/**
 * When a change is in force: `saved`: the VM does not run, so its next start has it; `now`: the running VM takes it;
 * `tried`: it depends, and what the run cannot take waits; `next-start`: it waits.
 */
export type ChangeEffect = 'saved' | 'now' | 'tried' | 'next-start';

/** What `capabilities.hotplug` calls the fields that it may name. */
const hotplugNames: Readonly<Record<string, string>> = {
  memoryMiB: 'memoryMiB',
  cores: 'cores',
  cdrom: 'cdrom',
  linkUp: 'linkUp',
  sizeGiB: 'diskSize',
  iopsLimit: 'diskLimits',
  mbpsLimit: 'diskLimits',
  disks: 'disks',
  nics: 'nics',
};
/** Fields that drivers change in a run where they can, though the capabilities do not tell of them. */
const triedFields = new Set(['network', 'iopsLimit', 'mbpsLimit']);

/** When a change of a field of the hardware is in force; `disks` and `nics` stand for one that comes or goes. Pure. */
export function changeEffect(field: string, vm: Vm, hotplug: readonly string[]): ChangeEffect {
  if (vm.state === 'stopped' || vm.state === 'crashed') return 'saved';
  const name = hotplugNames[field];
  if (name !== undefined && hotplug.includes(name)) {
    // Room for more memory has to be there from the start of the run.
    return field === 'memoryMiB' && runningHardware(vm).memoryMaxMiB === 0 ? 'tried' : 'now';
  }
  return triedFields.has(field) ? 'tried' : 'next-start';
}

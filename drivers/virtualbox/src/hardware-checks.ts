import type { MachineSpec, SpecProblem } from '@nakhoda/driver';

import { bootProblems } from './boot-plan.ts';
import { usesHostCache } from './storage-plan.ts';
import { ideRoom, placeDisk, slotNumber } from './storage-places.ts';

/** Combinations that VirtualBox does not have, though each field alone would be good. Pure. */
export function hardwareChecks(spec: MachineSpec): SpecProblem[] {
  return [...spec.disks.flatMap((_disk, index) => diskProblems(spec, index)), ...bootProblems(spec)];
}

function diskProblems(spec: MachineSpec, index: number): SpecProblem[] {
  const { disks } = spec;
  const disk = disks[index];
  if (!disk) return [];
  const problems: SpecProblem[] = [];
  const { slot, bus, cache } = disk;
  if (bus === 'ide' && slotNumber(slot) >= ideRoom(spec)) {
    problems.push({
      field: `disks.${index}.bus`,
      message: `IDE has room for disk0 to disk${ideRoom(spec) - 1} beside its CD drives, not for ${slot}.`,
      hint: 'Put it on another bus, for example sata.',
    });
  }
  const { controller } = placeDisk(disk);
  const other = disks.slice(0, index).find((earlier) => {
    return placeDisk(earlier).controller === controller && usesHostCache(earlier.cache) !== usesHostCache(cache);
  });
  if (other) {
    problems.push({
      field: `disks.${index}.cache`,
      message: `VirtualBox uses the host's cache for all disks on one controller or for none, and ${other.slot} on ${bus} has ${other.cache}, not ${cache}.`,
      hint: `Give both the same, or put ${slot} on another bus.`,
    });
  }
  if (disk.mbpsLimit > 0 && usesHostCache(cache)) {
    problems.push({
      field: `disks.${index}.mbpsLimit`,
      message: `VirtualBox limits only disks that go past the host's cache, and ${slot} has the cache mode ${cache}.`,
      hint: 'Set its cache to none.',
    });
  }
  return problems;
}

import type { MachineSpec, SpecProblem } from '@nakhoda/driver';

import { bootProblems } from './boot-plan.ts';
import { usesHostCache } from './storage-plan.ts';
import { ideRoom, placeDisk, slotNumber } from './storage-places.ts';

/** Combinations that VirtualBox does not have, though each field alone would be good. Pure. */
export function hardwareChecks(spec: MachineSpec): SpecProblem[] {
  return [...spec.disks.flatMap((_disk, index) => diskProblems(spec, index)), ...bootProblems(spec), ...foundProblems(spec)];
}

/** What an adopted VM has no drive for. */
function foundProblems({ found, cdrom, cloudInit }: MachineSpec): SpecProblem[] {
  if (!found) return [];
  const hint = 'Give the VM back with `nakhoda vm release`, have its user add the drive, and adopt it again.';
  return [
    ...(cdrom !== null && !found.drives.some(({ slot }) => slot === 'cdrom')
      ? [{ field: 'cdrom', message: 'This adopted VM has no CD drive.', hint }]
      : []),
    ...(cloudInit === undefined
      ? []
      : [
          {
            field: 'cloudInit',
            message: 'An adopted VM gets no second CD drive for cloud-init.',
            hint: 'Leave its cloud-init settings out.',
          },
        ]),
  ];
}

function diskProblems(spec: MachineSpec, index: number): SpecProblem[] {
  const { disks, found } = spec;
  const disk = disks[index];
  if (!disk) return [];
  const problems: SpecProblem[] = [];
  const { slot, bus, cache } = disk;
  const drive = found?.drives.find((one) => one.slot === slot && one.path === disk.path);
  const isFound = drive !== undefined;
  if (drive?.mostBytes !== undefined && disk.sizeBytes > drive.mostBytes) {
    problems.push({
      field: `disks.${index}.sizeBytes`,
      message: `VirtualBox cannot make the image of ${slot}, ${disk.path}, larger than its ${drive.mostBytes} bytes: it grows VDI, flat VMDK and dynamic VHD images alone.`,
      hint: 'Leave its size, or add another disk: nakhoda disk add',
    });
  }
  if (bus === 'ide' && found && !isFound) {
    problems.push({
      field: `disks.${index}.bus`,
      message: `${slot} is to be on IDE, and an adopted VM gets no new disk there.`,
      hint: 'Put it on another bus, for example sata.',
    });
  }
  if (bus === 'ide' && !found && slotNumber(slot) >= ideRoom(spec)) {
    problems.push({
      field: `disks.${index}.bus`,
      message: `IDE has room for disk0 to disk${ideRoom(spec) - 1} beside its CD drives, not for ${slot}.`,
      hint: 'Put it on another bus, for example sata.',
    });
  }
  const { controller } = placeDisk(disk, found);
  const other = disks.slice(0, index).find((earlier) => {
    return placeDisk(earlier, found).controller === controller && usesHostCache(earlier.cache) !== usesHostCache(cache);
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

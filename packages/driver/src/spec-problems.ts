import { isAbsolute } from 'node:path';

import type { MachineSpec, SpecProblem } from './driver.ts';
import { type Capabilities, matchesName, VmDisk, VmName, VmNic } from '@nakhoda/schema';

/** Faults in a spec that no hypervisor of these capabilities can run. Pure. */
export function specProblems(spec: MachineSpec, capabilities: Capabilities): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const expect = (ok: boolean, field: string, message: string, hint: string): void => {
    if (!ok) problems.push({ field, message, hint });
  };
  const { maxCores, minMemoryMiB, maxMemoryMiB } = capabilities;
  const path = (field: string, value: string): void =>
    expect(isAbsolute(value) && !value.includes('\0'), field, 'The path is not absolute.', 'Give a path that begins with a slash.');
  const unique = (field: string, values: string[]): void =>
    expect(new Set(values).size === values.length, field, 'The same one is there twice.', 'Give each its own.');

  expect(between(spec.vmid, 100, 999_999_999), 'vmid', 'The vmid is out of range.', 'Use a number from 100 up.');
  expect(
    matchesName(VmName, spec.name),
    'name',
    'The name is not a host name.',
    'Use letters, digits and inner hyphens, beginning with a letter.',
  );
  expect(between(spec.cores, 1, maxCores), 'cores', 'That many cores are not possible.', `Use 1 to ${maxCores}.`);
  expect(
    between(spec.memoryMiB, minMemoryMiB, maxMemoryMiB),
    'memoryMiB',
    'That much memory is not possible.',
    `Use ${minMemoryMiB} to ${maxMemoryMiB} MiB.`,
  );
  path('directory', spec.directory);
  path('runtimeDirectory', spec.runtimeDirectory);
  if (spec.cdrom !== null) path('cdrom', spec.cdrom);

  for (const disk of spec.disks) {
    const field = 'disks';
    expect(matchesName(VmDisk.properties.slot, disk.slot), field, 'A disk slot has no valid name.', 'Use disk0 to disk9.');
    expect(
      between(disk.sizeBytes, 1, Number.MAX_SAFE_INTEGER),
      field,
      'A disk has no valid size.',
      'Give a whole number of bytes above 0.',
    );
    expect(
      disk.format === capabilities.diskFormat || disk.format === 'raw',
      field,
      `The format ${disk.format} is not possible.`,
      `Use ${capabilities.diskFormat} or raw.`,
    );
    path(field, disk.path);
  }
  unique(
    'disks',
    spec.disks.map((disk) => disk.slot),
  );
  unique(
    'disks',
    spec.disks.map((disk) => disk.path),
  );
  for (const nic of spec.nics) {
    const field = 'nics';
    expect(matchesName(VmNic.properties.slot, nic.slot), field, 'A NIC slot has no valid name.', 'Use net0 to net9.');
    expect(matchesName(VmNic.properties.mac, nic.mac), field, 'A MAC address is malformed.', 'Use six lower-case pairs with colons.');
    const { kind } = nic.attachment;
    expect(
      capabilities.nicBackends.includes(kind),
      field,
      `A NIC cannot be attached by ${kind} here.`,
      `Use ${capabilities.nicBackends.join(' or ')}.`,
    );
  }
  unique(
    'nics',
    spec.nics.map((nic) => nic.slot),
  );
  unique(
    'nics',
    spec.nics.map((nic) => nic.mac),
  );
  return problems;
}

function between(value: number, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}

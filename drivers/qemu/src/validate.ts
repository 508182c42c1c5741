import { isAbsolute } from 'node:path';

import type { MachineSpec, SpecProblem } from '@nakhoda/driver';
import { type Capabilities, matchesName, VmName } from '@nakhoda/schema';

import { machinePaths } from './machine-paths.ts';

/** sun_path of unix(7), without its final zero byte. */
const maxSocketPathBytes = 107;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const macPattern = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;
/** What Linux takes as an interface's name, without what is special to QEMU. */
const interfacePattern = /^[A-Za-z0-9_.-]{1,15}$/;

/** Faults in a spec; all of them, each with its field. Pure. */
export function validateSpec(spec: MachineSpec, capabilities: Capabilities): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const problem = (field: string, message: string, hint: string): void => void problems.push({ field, message, hint });
  const range = (field: string, value: number, least: number, most: number, unit: string): void => {
    if (!Number.isInteger(value) || value < least || value > most)
      problem(field, `QEMU cannot give a VM ${value} ${unit}.`, `Take a whole number from ${least} to ${most}.`);
  };
  const file = (field: string, path: string): void => {
    if (!isAbsolute(path) || path.includes('\0')) problem(field, `${path} is not an absolute path.`, 'Give the whole path, from / on.');
  };

  range('vmid', spec.vmid, 100, 999_999_999, 'as its number');
  if (!matchesName(VmName, spec.name))
    problem('name', 'The name is not a valid VM name.', 'Use letters, digits and inner hyphens, beginning with a letter.');
  if (!uuidPattern.test(spec.uuid)) problem('uuid', 'The UUID is malformed.', 'Use 32 lower-case hexadecimal digits in five groups.');
  range('cores', spec.cores, 1, capabilities.maxCores, 'cores');
  range('memoryMiB', spec.memoryMiB, capabilities.minMemoryMiB, capabilities.maxMemoryMiB, 'MiB of memory');
  file('directory', spec.directory);
  file('runtimeDirectory', spec.runtimeDirectory);
  const { qmpSocket, serialSocket, agentSocket } = machinePaths(spec);
  const longest = Math.max(...[qmpSocket, serialSocket, agentSocket].map((path) => Buffer.byteLength(path)));
  if (longest > maxSocketPathBytes)
    problem(
      'runtimeDirectory',
      `A socket's path there has ${longest} bytes, and Linux takes ${maxSocketPathBytes}.`,
      'Use a data folder with a shorter path.',
    );
  if (spec.cdrom !== null) file('cdrom', spec.cdrom);

  unique('disks', spec.disks, /^disk[0-9]$/, problem);
  for (const [index, disk] of spec.disks.entries()) {
    const field = `disks.${index}`;
    file(`${field}.path`, disk.path);
    if (disk.format !== capabilities.diskFormat)
      problem(
        `${field}.format`,
        `QEMU's disks are ${capabilities.diskFormat} images here, not ${disk.format}.`,
        'Convert the image first.',
      );
    range(`${field}.sizeBytes`, disk.sizeBytes, 512, Number.MAX_SAFE_INTEGER, 'bytes of disk');
  }
  if (new Set(spec.disks.map((disk) => disk.path)).size < spec.disks.length)
    problem('disks', 'Two disks are in one file.', 'Give each its own.');

  unique('nics', spec.nics, /^net[0-9]$/, problem);
  for (const [index, nic] of spec.nics.entries()) {
    const field = `nics.${index}`;
    if (!macPattern.test(nic.mac) || (Number.parseInt(nic.mac.slice(0, 2), 16) & 1) !== 0)
      problem(`${field}.mac`, `${nic.mac} is no MAC address of a NIC.`, 'Use six lower-case pairs with colons, the first of them even.');
    if (!capabilities.nicBackends.includes(nic.attachment.kind))
      problem(
        `${field}.attachment`,
        `QEMU's NICs cannot be attached by ${nic.attachment.kind} here.`,
        `Use one of: ${capabilities.nicBackends.join(', ')}.`,
      );
    if (nic.attachment.kind === 'tap' && !interfacePattern.test(nic.attachment.tap))
      problem(`${field}.attachment`, 'The name of the TAP interface is not one.', 'Use up to 15 letters, digits, ".", "_" and "-".');
  }
  return problems;
}

function unique(
  field: string,
  devices: readonly { slot: string }[],
  pattern: RegExp,
  problem: (field: string, message: string, hint: string) => void,
): void {
  const seen = new Set<string>();
  for (const [index, { slot }] of devices.entries()) {
    if (!pattern.test(slot)) problem(`${field}.${index}.slot`, 'The slot is not one.', `Slots match ${pattern.source}.`);
    if (seen.has(slot)) problem(`${field}.${index}.slot`, `Two devices are in ${slot}.`, 'Give each its own slot.');
    seen.add(slot);
  }
}

import { isAbsolute } from 'node:path';

import { type Capabilities, matchesName, VmDisk, VmName, VmNic, VmSpec } from '@nakhoda/schema';

import type { MachineDisk, MachineNic, MachineSpec, SpecProblem } from './driver.ts';
import { hardwareProblems } from './hardware-problems.ts';

/** What the check has to know of the hypervisor besides its capabilities. */
export interface SpecCheck {
  /** Its name in messages. */
  hypervisor: string;
  /** Paths of the Unix sockets that it will have in the VM's runtime directory. Default none. */
  sockets?: readonly string[];
  /** The smallest disk that it can make. Default 1. */
  minDiskBytes?: number;
}

/** `sun_path` has 108 bytes with the final zero (unix(7)). */
const maxSocketPathBytes = 107;

/**
 * Faults that make a spec impossible for any hypervisor of these capabilities: all of them, each with its field,
 * such as `disks.0.sizeBytes`. A driver adds those that only its own hypervisor has. Pure.
 */
export function specProblems(spec: MachineSpec, capabilities: Capabilities, check: SpecCheck): SpecProblem[] {
  const { hypervisor, sockets = [] } = check;
  const { maxCores, minMemoryMiB, maxMemoryMiB } = capabilities;
  const gives = `${hypervisor} can give a VM`;
  return [
    ...range('vmid', spec.vmid, 100, 999_999_999, (allowed) => `A vmid is ${allowed}`),
    ...unless(
      matchesName(VmName, spec.name),
      'name',
      `${quoted(spec.name)} is no name of a VM.`,
      'Use up to 63 letters, digits and inner hyphens, beginning with a letter.',
    ),
    ...unless(
      matchesName(VmSpec.properties.uuid, spec.uuid),
      'uuid',
      `${quoted(spec.uuid)} is no UUID.`,
      'Use 32 lower-case hexadecimal digits in five groups.',
    ),
    ...range('cores', spec.cores, 1, maxCores, (allowed) => `${gives} ${allowed} core${maxCores === 1 ? '' : 's'} here`),
    ...range('memoryMiB', spec.memoryMiB, minMemoryMiB, maxMemoryMiB, (allowed) => `${gives} ${allowed} MiB of memory here`),
    ...path('directory', spec.directory),
    ...path('runtimeDirectory', spec.runtimeDirectory),
    ...socketProblems(sockets),
    ...(spec.cdrom === null ? [] : path('cdrom', spec.cdrom)),
    ...(spec.cloudInit === undefined ? [] : path('cloudInit', spec.cloudInit)),
    ...spec.disks.flatMap((disk, index) => diskProblems(`disks.${index}`, disk, capabilities, { ...check, inPlace: isFound(spec, disk) })),
    ...doubles('disks', 'slot', spec.disks),
    ...doubles('disks', 'path', spec.disks),
    ...spec.nics.flatMap((nic, index) => nicProblems(`nics.${index}`, nic, capabilities, check)),
    ...doubles('nics', 'slot', spec.nics),
    ...doubles('nics', 'mac', spec.nics),
    ...hardwareProblems(spec, capabilities, hypervisor),
  ];
}

/** Whether the disk was found with an adopted VM, and so stays in its format. */
function isFound({ found }: MachineSpec, { path }: MachineDisk): boolean {
  return found?.drives.some((drive) => drive.path === path) === true;
}

function diskProblems(
  field: string,
  disk: MachineDisk,
  { diskFormat }: Capabilities,
  check: SpecCheck & { inPlace: boolean },
): SpecProblem[] {
  const { hypervisor, minDiskBytes = 1, inPlace } = check;
  const { slot, format, sizeBytes } = disk;
  return [
    ...unless(matchesName(VmDisk.properties.slot, slot), `${field}.slot`, `${quoted(slot)} is no slot of a disk.`, 'Use disk0 to disk9.'),
    ...path(`${field}.path`, disk.path),
    ...unless(
      inPlace || format === diskFormat,
      `${field}.format`,
      `${hypervisor}'s disks are ${diskFormat} images here, not ${format}.`,
      'Convert the image first.',
    ),
    ...range(
      `${field}.sizeBytes`,
      sizeBytes,
      minDiskBytes,
      Number.MAX_SAFE_INTEGER,
      (allowed) => `${hypervisor} can make a disk of ${allowed} bytes`,
    ),
  ];
}

function nicProblems(field: string, nic: MachineNic, { nicBackends }: Capabilities, { hypervisor }: SpecCheck): SpecProblem[] {
  const { slot, mac } = nic;
  const { kind } = nic.attachment;
  return [
    ...unless(matchesName(VmNic.properties.slot, slot), `${field}.slot`, `${quoted(slot)} is no slot of a NIC.`, 'Use net0 to net9.'),
    ...unless(
      matchesName(VmNic.properties.mac, mac) && isUnicast(mac),
      `${field}.mac`,
      `${quoted(mac)} is no unicast MAC address.`,
      'Use six lower-case pairs with colons, the first of them even.',
    ),
    ...unless(
      nicBackends.includes(kind),
      `${field}.attachment`,
      `${hypervisor} cannot attach a NIC by ${kind} here.`,
      `Use one of: ${nicBackends.join(', ')}.`,
    ),
  ];
}

/** The lowest bit of the first byte marks a group's address. */
function isUnicast(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
}

/** A control character would end a line of what a hypervisor is told, or its string. */
function path(field: string, value: string): SpecProblem[] {
  const holds = isAbsolute(value) && !/\p{Cc}/u.test(value);
  return unless(holds, field, `${quoted(value)} is no plain absolute path.`, 'Give the whole path, from / on, without control characters.');
}

function socketProblems(sockets: readonly string[]): SpecProblem[] {
  const lengths = sockets.map((socket) => Buffer.byteLength(socket));
  const longest = Math.max(0, ...lengths);
  return unless(
    longest <= maxSocketPathBytes,
    'runtimeDirectory',
    `A socket's path there has ${longest} bytes; Linux takes 1 to ${maxSocketPathBytes}.`,
    'Use a data folder with a shorter path.',
  );
}

/** One for each device that has what an earlier one has. */
function doubles<K extends string>(list: string, key: K, devices: readonly Record<K, string>[]): SpecProblem[] {
  const values = devices.map((device) => device[key]);
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    const message = `${quoted(value)} is the ${key} of ${list}.${first} already.`;
    return unless(first === index, `${list}.${index}.${key}`, message, 'Give each its own.');
  });
}

function range(field: string, value: number, least: number, most: number, sentence: (allowed: string) => string): SpecProblem[] {
  const holds = Number.isInteger(value) && value >= least && value <= most;
  const allowed = least === most ? String(least) : `${least} to ${most}`;
  const hint = least === most ? `Take ${least}.` : `Take a whole number from ${least} to ${most}.`;
  return unless(holds, field, `${sentence(allowed)}, not ${value}.`, hint);
}

function unless(holds: boolean, field: string, message: string, hint: string): SpecProblem[] {
  return holds ? [] : [{ field, message, hint }];
}

/** A value in a message: visible whatever is in it, and not longer than a line. */
function quoted(value: string): string {
  return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value);
}

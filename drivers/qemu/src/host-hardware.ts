import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { exec, readCgroupFacts } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { findFirmware } from './firmware-images.ts';
import type { FirmwareImages } from './hardware/firmware.ts';

/** What the host's QEMU, packages and devices allow VMs to have. */
export interface HostHardware {
  accelerator: 'kvm' | 'tcg';
  /** QEMU's, such as `7.2.22`; null until it was asked. */
  version: string | null;
  /** Names of QEMU's device types. */
  devices: ReadonlySet<string>;
  /** Processors that the host can give as a whole, by QEMU's names. */
  cpuModels: readonly string[];
  firmware: { plain: FirmwareImages | null; secure: FirmwareImages | null };
  /** Whether swtpm is here. */
  tpm: boolean;
  usb: boolean;
  iommu: boolean;
  /** Whether control groups can hold QEMU to limits. */
  cgroups: boolean;
}

/** QEMU's answers, which do not change while it is the same program. */
export type QemuLists = Pick<HostHardware, 'version' | 'devices' | 'cpuModels'>;

/** Asks QEMU what it has; a machine without anything runs for a quarter of a second. @throws NakhodaError */
export async function askQemu(system: string, accelerator: 'kvm' | 'tcg'): Promise<QemuLists> {
  const commands = [
    { execute: 'qmp_capabilities' },
    { execute: 'query-cpu-definitions', id: 'cpus' },
    { execute: 'qom-list-types', arguments: { implements: 'device' }, id: 'devices' },
    { execute: 'quit' },
  ];
  const argv = [
    system,
    '-machine',
    'none',
    '-accel',
    accelerator,
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-S',
    '-qmp',
    'stdio',
  ];
  const input = commands.map((command) => `${JSON.stringify(command)}\n`).join('');
  const { stdout } = await exec(argv, { input, timeoutMs: 20_000 });
  return parseLists(stdout);
}

/** The two lists in what QEMU answered. Pure. @throws NakhodaError `hypervisor.failed` when one is missing */
export function parseLists(output: string): QemuLists {
  const answers = new Map<unknown, unknown>();
  let version: string | null = null;
  for (const line of output.split('\n').filter((text) => text.startsWith('{'))) {
    const answer = JSON.parse(line) as Record<string, unknown>;
    if ('QMP' in answer) version = greetedVersion(answer as unknown as Greeting);
    else answers.set(answer['id'], answer['return']);
  }
  const cpus = answers.get('cpus');
  const devices = answers.get('devices');
  if (!Array.isArray(cpus) || !Array.isArray(devices)) {
    throw new NakhodaError('hypervisor.failed', {
      message: 'QEMU does not tell which processors and devices it has.',
      hint: "Install QEMU from the distribution's package qemu-system-x86.",
    });
  }
  const models = cpus as { 'name': string; 'unavailable-features'?: string[] }[];
  return {
    version,
    cpuModels: models.filter((model) => model['unavailable-features']?.length === 0).map(({ name }) => name),
    devices: new Set((devices as { name: string }[]).map(({ name }) => name)),
  };
}

interface Greeting {
  QMP: { version: { qemu: { major: number; minor: number; micro: number } } };
}

function greetedVersion({ QMP }: Greeting): string {
  const { major, minor, micro } = QMP.version.qemu;
  return `${major}.${minor}.${micro}`;
}

/** What the host has beside QEMU, looked at anew: packages may have come. Quick. */
export function lookAtHost(): Omit<HostHardware, 'accelerator' | keyof QemuLists> {
  return {
    firmware: findFirmware(),
    tpm: isInPath('swtpm'),
    usb: hasEntries('/dev/bus/usb'),
    iommu: hasEntries('/sys/kernel/iommu_groups'),
    cgroups: readCgroupFacts().version !== null,
  };
}

function isInPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function hasEntries(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}

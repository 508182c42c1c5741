import { cliFlag, pageEndpoints } from '@nakhoda/client/browser';
import { toNakhodaError, type ErrorCode } from '@nakhoda/schema/errors';

import type { Draft } from './draft.ts';

/** The steps of the wizard, in order. */
export const stepIds = ['hypervisor', 'os', 'compute', 'disk', 'network', 'automation', 'review'] as const;
export type StepId = (typeof stepIds)[number];

/** Which fields each step asks for. */
export const stepFields: Readonly<Record<StepId, readonly (keyof Draft)[]>> = {
  hypervisor: ['name', 'hypervisor'],
  os: ['media', 'volume'],
  compute: [
    ...(['cores', 'sockets', 'memoryMiB', 'cpuModel', 'machine', 'firmware', 'secureBoot', 'tpm', 'audio'] as const),
    ...(['display', 'cpuLimit', 'balloonMiB', 'memoryMaxMiB'] as const),
  ],
  disk: ['diskGiB', 'diskBus', 'diskCache', 'diskSsd', 'diskDiscard', 'diskIopsLimit', 'diskMbpsLimit'],
  network: ['network', 'nicModel', 'mac'],
  automation: [
    ...(['start', 'autostart', 'protection', 'tags', 'folder', 'notes', 'ciDrive', 'ciUser', 'ciPassword'] as const),
    ...(['ciHostname', 'ciSshKeys', 'ciNetwork', 'ciDns', 'ciPackages', 'ciUserData'] as const),
  ],
  review: [],
};

/** The step that asks for a field. */
export function stepOf(field: string): StepId | undefined {
  return stepIds.find((step) => stepFields[step].some((one) => one === field));
}

export interface Place {
  readonly step: StepId;
  readonly field: keyof Draft;
}

const fieldOfCode: Partial<Record<ErrorCode, keyof Draft>> = {
  'vm.name-taken': 'name',
  'vm.mac-taken': 'mac',
  'network.not-found': 'network',
  'storage.volume-not-found': 'volume',
  'storage.volume-refused': 'volume',
  'storage.too-large': 'diskGiB',
  'hypervisor.unusable': 'hypervisor',
};

/** What drivers call the fields of a disk and a NIC. */
const fieldOfSpec: Readonly<Record<string, keyof Draft>> = {
  'disks.0.bus': 'diskBus',
  'disks.0.cache': 'diskCache',
  'disks.0.discard': 'diskDiscard',
  'disks.0.ssd': 'diskSsd',
  'disks.0.iopsLimit': 'diskIopsLimit',
  'disks.0.mbpsLimit': 'diskMbpsLimit',
  'disks.0.sizeBytes': 'diskGiB',
  'nics.0.model': 'nicModel',
  'nics.0.mac': 'mac',
  'nics.0.attachment': 'network',
  'cdrom': 'volume',
  'bootOrder': 'media',
};

/** Where in the wizard a refusal of `vm.create` belongs, or null where it is about no field. Pure. */
export function placeOfRefusal(thrown: unknown): Place | null {
  const { code, details, hint } = toNakhodaError(thrown);
  const named = details?.['field'];
  const candidates = [
    fieldOfCode[code],
    ...(typeof named === 'string' ? [fieldOfSpec[named], named.split('.')[0]] : []),
    // Some refusals tell the field by the flag that would put it right.
    fieldOfFlag(/--[a-z][a-z-]*/u.exec(hint)?.[0]),
  ];
  for (const field of candidates) {
    const step = field === undefined ? undefined : stepOf(field);
    if (step !== undefined) return { step, field: field as keyof Draft };
  }
  return null;
}

function fieldOfFlag(flag: string | undefined): string | undefined {
  const { cli, body } = pageEndpoints['vm.create'];
  if (cli === undefined || flag === undefined) return undefined;
  return Object.keys(body?.properties ?? {}).find((field) => cliFlag(cli, field) === flag);
}

import { pageEndpoints } from '@nakhoda/client/browser';
import type { HardwareSupport, Hypervisor } from '@nakhoda/schema';
import { allowedConstants } from '@nakhoda/schema/describe-allowed';

/** Fields of a new VM that are one of a hypervisor's list, and which list. The first of it is what a VM gets unasked. */
const lists = {
  cpuModel: 'cpuModels',
  machine: 'machines',
  firmware: 'firmwares',
  display: 'displays',
  diskBus: 'diskBuses',
  diskCache: 'diskCaches',
  nicModel: 'nicModels',
} as const satisfies Record<string, keyof HardwareSupport>;
export type ListField = keyof typeof lists;
export const listFields = Object.keys(lists) as readonly ListField[];

/** Fields that a hypervisor may let be other than by default, and what it calls them. */
const switches: Readonly<Record<string, string>> = {
  secureBoot: 'secureBoot',
  tpm: 'tpm',
  audio: 'audio',
  cpuLimit: 'cpuLimit',
  balloonMiB: 'balloonMiB',
  memoryMaxMiB: 'memoryMaxMiB',
  diskSsd: 'ssd',
  diskDiscard: 'discard',
  diskIopsLimit: 'iopsLimit',
  diskMbpsLimit: 'mbpsLimit',
};

/** Whether a field can be chosen on a hypervisor; where not, its own reason, which may be empty. */
export type Offer = { readonly offered: true } | { readonly offered: false; readonly reason: string };

/** Pure. A hypervisor that is not known yet offers everything: the daemon has the last word. */
export function offerOf(hypervisor: Hypervisor | undefined, field: string): Offer {
  if (hypervisor === undefined) return { offered: true };
  const { hardware, maxCores } = hypervisor.capabilities;
  const no = (kind: string): Offer => ({ offered: false, reason: hardware.reasons[kind] ?? '' });
  const list = (lists as Readonly<Record<string, keyof HardwareSupport>>)[field];
  if (list !== undefined) return (hardware[list] as readonly string[]).length > 1 ? { offered: true } : no(field);
  if (field === 'sockets') return hardware.maxSockets > 1 && maxCores > 1 ? { offered: true } : no('sockets');
  const kind = switches[field];
  return kind === undefined || hardware.fields.includes(kind) ? { offered: true } : no(kind);
}

/** A choice of a list, and whether this hypervisor has it. */
export interface Choice {
  readonly value: string;
  readonly offered: boolean;
}

/** What can be chosen for a field: what the hypervisor has, in its order, then what the API knows besides, off. Pure. */
export function choicesOf(hypervisor: Hypervisor | undefined, field: ListField): readonly Choice[] {
  const schema = pageEndpoints['vm.create'].body?.properties[field];
  const known = (schema === undefined ? null : allowedConstants(schema)) ?? [];
  const has = hypervisor === undefined ? known : (hypervisor.capabilities.hardware[lists[field]] as readonly string[]);
  return [
    ...has.map((value) => ({ value, offered: true })),
    ...known.filter((value) => !has.includes(value)).map((value) => ({ value, offered: false })),
  ];
}

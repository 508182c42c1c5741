import { pageEndpoints } from '@nakhoda/client/browser';
import type { Capabilities, EndpointId, Vm } from '@nakhoda/schema';
import { allowedConstants } from '@nakhoda/schema/describe-allowed';

import { hardwareGroups, type HardwareGroup } from './hardware-rows.ts';

export interface Choice {
  readonly value: string;
  /** Not offered here. */
  readonly off: boolean;
}

/** A field of a dialog: what it takes by the endpoint's schema and by what the hypervisor gives here. */
export interface EditField {
  readonly name: string;
  readonly kind: 'integer' | 'number' | 'choice' | 'yes-no' | 'text' | 'password' | 'lines' | 'long-text' | 'order';
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** Of a choice or an order: what there is to choose from. */
  readonly choices?: readonly Choice[];
  /** Of a text: what others have. */
  readonly suggestions?: readonly string[];
  /** Why it stays as it is; empty where the hypervisor names no reason. */
  readonly off?: string;
  /** Why not all of it is offered. */
  readonly limits?: string | undefined;
}

/** Fields that only some values are offered of, where the capabilities list them, with the name that `reasons` has for them. */
const offeredChoices = {
  cpuModel: ['cpuModels', 'cpuModel'],
  machine: ['machines', 'machine'],
  firmware: ['firmwares', 'firmware'],
  display: ['displays', 'display'],
  watchdog: ['watchdogs', 'watchdog'],
  bus: ['diskBuses', 'diskBus'],
  cache: ['diskCaches', 'diskCache'],
  model: ['nicModels', 'nicModel'],
} as const;

/** Fields that are there or not as a whole; `capabilities.hardware.fields` names those that are. */
const optional = new Set([
  ...['cpuLimit', 'cpuShares', 'balloonMiB', 'memoryMaxMiB', 'secureBoot', 'tpm', 'audio', 'bootOrder', 'hostDevices'],
  ...['discard', 'ssd', 'iopsLimit', 'mbpsLimit', 'linkUp'],
]);

/** The fields of the dialog of a group, with what is not offered off. Pure. */
export function hardwareFields(group: HardwareGroup, vm: Vm, capabilities: Capabilities): readonly EditField[] {
  const endpoint = group === 'disk' ? 'disk.set' : group === 'nic' ? 'nic.set' : 'vm.set';
  return hardwareGroups[group].map((name) => hardwareField(endpoint, name, vm, capabilities));
}

/** One field of a request about hardware. Pure. */
export function hardwareField(endpoint: EndpointId, name: string, vm: Vm, capabilities: Capabilities): EditField {
  const { hardware } = capabilities;
  const field = schemaField(endpoint, name);
  if (optional.has(name) && !hardware.fields.includes(name)) return { ...field, off: hardware.reasons[name] ?? '' };
  if (name === 'rng' && !hardware.rng) return { ...field, off: hardware.reasons['rng'] ?? '' };
  if (name in offeredChoices) {
    const [list, reason] = offeredChoices[name as keyof typeof offeredChoices];
    return choiceField(field, hardware[list], hardware.reasons[reason]);
  }
  switch (name) {
    case 'sockets':
      return limited(field, hardware.maxSockets, hardware.reasons['sockets']);
    case 'serialPorts':
      return limited(field, hardware.maxSerialPorts, hardware.reasons['serialPorts']);
    case 'displayMemoryMiB':
      return limited(field, hardware.maxDisplayMemoryMiB, hardware.reasons['displayMemoryMiB']);
    case 'cores':
      return limited(field, capabilities.maxCores, hardware.reasons['cores']);
    case 'memoryMiB':
      return { ...field, min: capabilities.minMemoryMiB, max: capabilities.maxMemoryMiB };
    case 'bootOrder':
      return { ...field, kind: 'order', choices: bootDevices(vm).map((value) => ({ value, off: false })) };
    default:
      return field;
  }
}

/** A field as its schema alone tells of it. Pure. */
export function schemaField(endpoint: EndpointId, name: string): EditField {
  const schema = pageEndpoints[endpoint].body?.properties[name];
  if (schema === undefined) return { name, kind: 'text' };
  const constants = allowedConstants(schema);
  if (constants !== null) return { name, kind: 'choice', choices: constants.map((value) => ({ value, off: false })) };
  switch (schema.type ?? '') {
    case 'integer':
    case 'number':
      return { name, kind: schema.type === 'integer' ? 'integer' : 'number', min: schema.minimum, max: schema.maximum };
    case 'boolean':
      return { name, kind: 'yes-no' };
    case 'array':
      return { name, kind: 'lines' };
    default:
      return { name, kind: 'text' };
  }
}

/** What is not offered stays in sight, off. */
function choiceField(field: EditField, offered: readonly string[], reason: string | undefined): EditField {
  const all = [...new Set([...offered, ...(field.choices ?? []).map(({ value }) => value)])];
  const choices = all.map((value) => ({ value, off: !offered.includes(value) }));
  const chosen: EditField = { ...field, kind: 'choice', choices };
  if (offered.length < 2) return { ...chosen, off: reason ?? '' };
  return choices.some(({ off }) => off) || field.kind !== 'choice' ? { ...chosen, limits: reason } : chosen;
}

function limited(field: EditField, most: number, reason: string | undefined): EditField {
  const max = Math.min(most, field.max ?? most);
  return max <= (field.min ?? 0) ? { ...field, max, off: reason ?? '' } : { ...field, max };
}

/** Everything of the VM that can be booted from: first what it boots from now, in that order. */
function bootDevices({ bootOrder, disks, nics }: Vm): string[] {
  return [...new Set([...bootOrder, 'cdrom', ...[...disks, ...nics].map(({ slot }) => slot)])];
}

import type { Hypervisor } from '@nakhoda/schema';

import { choicesOf, listFields, offerOf } from './offers.ts';

/** What a new VM boots from first: the tiny guest, an ISO image, the network, or nothing yet. */
export const mediaKinds = ['tiny', 'volume', 'network', 'none'] as const;
export type Media = (typeof mediaKinds)[number];

/** A VM that is being thought of: what the forms hold. Numbers are null while their field is empty; lists are text. */
export interface Draft {
  name: string;
  hypervisor: string;
  media: Media;
  volume: string;
  cores: number | null;
  sockets: number | null;
  memoryMiB: number | null;
  cpuModel: string;
  machine: string;
  firmware: string;
  secureBoot: boolean;
  tpm: boolean;
  audio: boolean;
  display: string;
  cpuLimit: number | null;
  balloonMiB: number | null;
  memoryMaxMiB: number | null;
  diskGiB: number | null;
  diskBus: string;
  diskCache: string;
  diskSsd: boolean;
  diskDiscard: boolean;
  diskIopsLimit: number | null;
  diskMbpsLimit: number | null;
  network: string;
  nicModel: string;
  mac: string;
  start: boolean;
  autostart: boolean;
  protection: boolean;
  tags: string;
  folder: string;
  notes: string;
  ciDrive: boolean;
  ciUser: string;
  ciPassword: string;
  ciHostname: string;
  ciSshKeys: string;
  ciNetwork: string;
  ciDns: string;
  ciPackages: string;
  ciUserData: string;
}

export const emptyDraft: Draft = {
  name: '',
  hypervisor: '',
  media: 'tiny',
  volume: '',
  cores: 1,
  sockets: 1,
  memoryMiB: 512,
  cpuModel: '',
  machine: '',
  firmware: '',
  secureBoot: false,
  tpm: false,
  audio: false,
  display: '',
  cpuLimit: null,
  balloonMiB: null,
  memoryMaxMiB: null,
  diskGiB: 4,
  diskBus: '',
  diskCache: '',
  diskSsd: false,
  diskDiscard: true,
  diskIopsLimit: null,
  diskMbpsLimit: null,
  network: '',
  nicModel: '',
  mac: '',
  start: true,
  autostart: false,
  protection: false,
  tags: '',
  folder: '',
  notes: '',
  ciDrive: false,
  ciUser: '',
  ciPassword: '',
  ciHostname: '',
  ciSshKeys: '',
  ciNetwork: '',
  ciDns: '',
  ciPackages: '',
  ciUserData: '',
};

/** What no browser keeps: a password, and user data, in which there may be some. */
const secretFields = ['ciPassword', 'ciUserData'] as const satisfies (keyof Draft)[];

/** A draft as it is kept, without its secrets. Pure. */
export function draftToText(draft: Draft): string {
  return JSON.stringify(draft, (name, value: unknown) => (secretFields.some((secret) => secret === name) ? undefined : value));
}

/** What was kept, as far as it is still a draft's; the rest is as in an empty one. Pure. */
export function draftFromText(text: string | null): Draft {
  let kept: unknown = null;
  try {
    kept = text === null ? null : JSON.parse(text);
  } catch {
    // Somebody else's text under our name: as good as none.
  }
  const known = Object.entries(typeof kept === 'object' && kept !== null ? kept : {}).filter(([name, value]) => {
    if (!(name in emptyDraft)) return false;
    if (name === 'media') return mediaKinds.some((kind) => kind === value);
    const usual = emptyDraft[name as keyof Draft];
    if (usual === null || typeof usual === 'number') return value === null || typeof value === 'number';
    return typeof value === typeof usual;
  });
  return { ...emptyDraft, ...Object.fromEntries(known) };
}

/** Texts between commas or line ends; SSH keys and addresses have spaces in them, so spaces part nothing. */
function listOf(text: string): string[] | undefined {
  const items = text
    .split(/[,\n]/u)
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return items.length === 0 ? undefined : items;
}

const toggles = ['secureBoot', 'tpm', 'audio', 'diskSsd', 'start', 'autostart', 'protection'] as const;
const amounts = ['cpuLimit', 'balloonMiB', 'memoryMaxMiB', 'diskIopsLimit', 'diskMbpsLimit'] as const;

/**
 * The request that a draft stands for. What the chosen hypervisor does not offer is left out, though the draft keeps it for another
 * choice; so is what is as it would be without being said. Pure.
 */
export function bodyOf(draft: Draft, hypervisor: Hypervisor | undefined): Readonly<Record<string, unknown>> {
  const offered = (field: string) => offerOf(hypervisor, field).offered;
  const lists = listFields.flatMap((field): [string, string][] => {
    const value = draft[field];
    if (value === '' || (field === 'nicModel' && draft.network === '')) return [];
    return choicesOf(hypervisor, field).some((choice) => choice.offered && choice.value === value) || field === 'cpuModel'
      ? [[field, value]]
      : [];
  });
  return defined({
    name: text(draft.name),
    hypervisor: text(draft.hypervisor),
    cores: draft.cores ?? undefined,
    sockets: draft.sockets === null || draft.sockets === 1 || !offered('sockets') ? undefined : draft.sockets,
    memoryMiB: draft.memoryMiB ?? undefined,
    diskGiB: draft.diskGiB ?? undefined,
    cdrom: draft.media === 'tiny' ? 'tiny' : draft.media === 'volume' ? text(draft.volume) : undefined,
    // An empty disk boots nothing, and what was installed on it boots before the network does.
    bootOrder: draft.media === 'network' && draft.network !== '' ? ['disk0', 'net0'] : undefined,
    network: text(draft.network),
    mac: draft.network === '' ? undefined : text(draft.mac),
    ...Object.fromEntries(lists),
    ...Object.fromEntries(toggles.filter((field) => draft[field] && offered(field)).map((field) => [field, true])),
    ...Object.fromEntries(amounts.filter((field) => (draft[field] ?? 0) !== 0 && offered(field)).map((field) => [field, draft[field]])),
    diskDiscard: !draft.diskDiscard && offered('diskDiscard') ? false : undefined,
    tags: listOf(draft.tags),
    folder: text(draft.folder),
    notes: draft.notes === '' ? undefined : draft.notes,
    ...(draft.ciDrive ? cloudInitOf(draft) : {}),
  });
}

function cloudInitOf(draft: Draft): object {
  return {
    ciDrive: true,
    ciUser: text(draft.ciUser),
    ciPassword: draft.ciPassword === '' ? undefined : draft.ciPassword,
    ciHostname: text(draft.ciHostname),
    ciSshKeys: listOf(draft.ciSshKeys),
    ciNetwork: draft.network === '' ? undefined : listOf(draft.ciNetwork),
    ciDns: listOf(draft.ciDns),
    ciPackages: listOf(draft.ciPackages),
    ciUserData: draft.ciUserData === '' ? undefined : draft.ciUserData,
  };
}

const text = (value: string): string | undefined => value.trim() || undefined;

function defined(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

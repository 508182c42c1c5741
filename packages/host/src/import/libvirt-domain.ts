import { DiskBus, type DiskBus as Bus, matchesName, NakhodaError, NicModel, type NicModel as Model, VmName, VmNic } from '@nakhoda/schema';
import { XMLParser } from 'fast-xml-parser';

/** A disk of a libvirt domain. */
export interface ForeignDisk {
  /** Absolute. */
  path: string;
  /** What the domain says it is; null when it says nothing. */
  format: string | null;
  bus: Bus;
}

/** What is taken over from another manager's description of a VM. */
export interface ForeignMachine {
  name: string;
  cores: number;
  sockets: number;
  memoryMiB: number;
  machine: 'q35' | 'i440fx';
  firmware: 'bios' | 'uefi';
  disks: ForeignDisk[];
  nics: { mac: string | null; model: Model }[];
  notes: string;
  /** What the description has and Nakhoda does not take over; whole sentences. */
  left: string[];
}

type Node = Record<string, unknown>;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  isArray: (name) => ['disk', 'interface', 'hostdev', 'feature'].includes(name),
  parseTagValue: false,
  parseAttributeValue: false,
  // A domain has none, and one that has is an attack.
  processEntities: false,
});

/** Bytes in libvirt's units (libvirt.org/formatdomain.html, "Memory allocation"); without a unit KiB. */
const units: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 1000,
  k: 1024,
  kib: 1024,
  mb: 1e6,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  gb: 1e9,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  tb: 1e12,
  t: 1024 ** 4,
  tib: 1024 ** 4,
};

/** Hardware of a domain that has no place in a VM of Nakhoda's. */
const leftDevices = ['filesystem', 'hostdev', 'redirdev', 'smartcard', 'shmem', 'sound', 'tpm', 'watchdog'];

/**
 * Reads a libvirt domain (`virsh dumpxml NAME`). Pure.
 * @throws NakhodaError `import.unreadable` when the text is no domain of a PC that QEMU runs
 */
export function parseLibvirtDomain(xml: string): ForeignMachine {
  const domain = readDomain(xml);
  const devices = nodeOf(domain['devices']);
  const os = nodeOf(domain['os']);
  const type = nodeOf(os['type']);
  const topology = nodeOf(nodeOf(domain['cpu'])['topology']);
  const processors = wholeNumber(textOf(domain['vcpu'])) ?? 1;
  const sockets = wholeNumber(attribute(topology, 'sockets')) ?? 1;
  const disks = listOf(devices['disk']).filter((disk) => (attribute(disk, 'device') ?? 'disk') === 'disk');
  const left = leftDevices.filter((device) => devices[device] !== undefined).map((device) => `Its ${device} is not taken over.`);
  const files = disks.filter((disk) => attribute(nodeOf(disk['source']), 'file') !== undefined);
  for (const disk of disks.filter((one) => !files.includes(one)))
    left.push(`Its disk ${attribute(nodeOf(disk['target']), 'dev') ?? 'without a name'} is no file, and is not taken over.`);
  if (listOf(devices['disk']).some((disk) => attribute(disk, 'device') === 'cdrom')) left.push('Its CD drive stays empty.');
  return {
    name: nameOf(textOf(domain['name'])),
    sockets: processors % sockets === 0 ? sockets : 1,
    cores: processors % sockets === 0 ? processors / sockets : processors,
    memoryMiB: memoryOf(domain['memory']),
    machine: /q35/.test(attribute(type, 'machine') ?? '') ? 'q35' : 'i440fx',
    firmware: attribute(os, 'firmware') === 'efi' || os['loader'] !== undefined ? 'uefi' : 'bios',
    disks: files.map((disk) => ({
      path: attribute(nodeOf(disk['source']), 'file') ?? '',
      format: attribute(nodeOf(disk['driver']), 'type') ?? null,
      bus: busOf(attribute(nodeOf(disk['target']), 'bus')),
    })),
    nics: listOf(devices['interface']).map((nic) => ({
      mac: macOf(attribute(nodeOf(nic['mac']), 'address')),
      model: modelOf(attribute(nodeOf(nic['model']), 'type')),
    })),
    notes: textOf(domain['description']) ?? textOf(domain['title']) ?? '',
    left,
  };
}

function readDomain(xml: string): Node {
  let document: Node;
  try {
    document = parser.parse(xml) as Node;
  } catch (error) {
    throw unreadable(`it is no XML: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  const domain = document['domain'];
  if (typeof domain !== 'object' || domain === null) throw unreadable('it has no <domain>');
  const node = domain as Node;
  const kind = attribute(node, 'type') ?? '';
  if (!['kvm', 'qemu'].includes(kind))
    throw unreadable(`it is a domain of type ${kind === '' ? 'none' : kind}, and only kvm and qemu are known`);
  const type = nodeOf(nodeOf(node['os'])['type']);
  if (textOf(type) !== 'hvm' || !['x86_64', 'i686', undefined].includes(attribute(type, 'arch')))
    throw unreadable('its guest is not a whole x86 machine');
  return node;
}

function unreadable(why: string, cause?: unknown): NakhodaError {
  return new NakhodaError('import.unreadable', {
    message: `The description cannot be read as a libvirt domain: ${why}.`,
    hint: 'Give what `virsh dumpxml NAME` prints.',
    cause,
  });
}

function memoryOf(value: unknown): number {
  const unit = (attribute(nodeOf(value), 'unit') ?? 'KiB').toLowerCase();
  const bytes = Number(textOf(value)) * (units[unit] ?? Number.NaN);
  if (!Number.isFinite(bytes) || bytes <= 0) throw unreadable('it does not tell how much memory it has');
  return Math.max(1, Math.round(bytes / 1024 ** 2));
}

/** libvirt allows more in a name than a host name does. */
function nameOf(name: string | undefined): string {
  const safe = (name ?? '')
    .replaceAll(/[^A-Za-z0-9-]+/gu, '-')
    .replace(/^[^A-Za-z]+/u, '')
    .slice(0, 63)
    .replace(/-+$/u, '');
  return matchesName(VmName, safe) ? safe : 'imported';
}

function busOf(bus: string | undefined): Bus {
  return (DiskBus.enum as readonly string[]).includes(bus ?? '') ? (bus as Bus) : 'sata';
}

function modelOf(model: string | undefined): Model {
  return (NicModel.enum as readonly string[]).includes(model ?? '') ? (model as Model) : 'e1000';
}

function macOf(mac: string | undefined): string | null {
  const lower = mac?.toLowerCase() ?? '';
  return matchesName(VmNic.properties.mac, lower) ? lower : null;
}

function wholeNumber(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : null;
}

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return nodeOf(value[0]);
  return typeof value === 'object' && value !== null ? (value as Node) : value === undefined ? {} : { '#text': value };
}

function listOf(value: unknown): Node[] {
  return Array.isArray(value) ? value.map(nodeOf) : value === undefined ? [] : [nodeOf(value)];
}

function textOf(value: unknown): string | undefined {
  const text = typeof value === 'object' && value !== null ? (value as Node)['#text'] : value;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}

function attribute(node: Node, name: string): string | undefined {
  const value = node[`@${name}`];
  return typeof value === 'string' ? value : undefined;
}

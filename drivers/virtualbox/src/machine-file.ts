import { isAbsolute } from 'node:path';

import { attribute, child, children, parseXml, plainUuid, text } from './xml-node.ts';
import type { XmlNode } from './xml-node.ts';

/** A snapshot as the `.vbox` file tells it. */
export interface ObservedSnapshot {
  uuid: string;
  name: string;
  description: string;
  /** Milliseconds since 1970; VirtualBox keeps whole seconds. */
  takenAt: number;
  memory: boolean;
  parentUuid: string | null;
}

/** An image in one of the VM's drives. */
export interface ObservedAttachment {
  controller: string;
  port: number;
  device: number;
  type: 'HardDisk' | 'DVD';
  /** The medium's UUID; null for an empty drive. */
  mediumUuid: string | null;
  /** Location of the image that a chain of differencing images grows from, as VirtualBox wrote it: absolute or relative to the machine's folder. */
  baseLocation: string | null;
  discard: boolean;
  nonrotational: boolean;
  hotpluggable: boolean;
  bandwidthGroup: string | null;
  /** Of a linked clone's disk: the path of the image in the drive, above `baseLocation`. */
  linkedImage?: string;
}

/** A NIC that is switched on. */
export interface ObservedNic {
  /** 0 for `net0`. */
  number: number;
  /** Six lower-case pairs with colons. */
  mac: string;
}

/**
 * A differencing image in the machine's own folder that neither the VM nor a snapshot has, and from which nothing grows.
 * Images elsewhere are linked clones' of the VM: they are listed in its file, and in the drives of others.
 */
export interface OrphanMedium {
  uuid: string;
  /** Relative to the machine's folder, as VirtualBox writes what lies in it. */
  location: string;
}

/** What the driver wants to know of a VM's `.vbox` file. */
export interface ObservedMachine {
  uuid: string;
  name: string;
  cores: number;
  memoryMiB: number;
  nics: ObservedNic[];
  /** VirtualBox's mark for "its process ended without an orderly end". */
  aborted: boolean;
  /** True when the VM's memory lies in a file and the next start goes on from there. */
  savedState: boolean;
  /** True when VirtualBox's remote display, its VNC server, is switched on. */
  remoteDisplay: boolean;
  currentSnapshotUuid: string | null;
  /** Parents before children, each level oldest first. */
  snapshots: ObservedSnapshot[];
  controllers: { name: string; ports: number; hostIoCache: boolean }[];
  bandwidthGroups: { name: string; bytesPerSecond: number }[];
  attachments: ObservedAttachment[];
  orphans: OrphanMedium[];
  /** Sockets and files that its serial ports end in. */
  serialPaths: string[];
  extraData: Record<string, string>;
}

/** A line of `VirtualBox.xml`: a VM that VirtualBox knows, and where its file lies. */
export interface RegistryEntry {
  uuid: string;
  file: string;
}

/** The VMs that `VirtualBox.xml` (format 1.12-linux) lists, and its own extra data. */
export function parseRegistry(xml: string): { machines: RegistryEntry[]; extraData: Record<string, string> } {
  const global = child(child(parseXml(xml), 'VirtualBox'), 'Global');
  const machines = children(child(global, 'MachineRegistry'), 'MachineEntry').flatMap((entry) => {
    const uuid = plainUuid(attribute(entry, 'uuid'));
    const file = attribute(entry, 'src');
    return uuid === null || file === undefined ? [] : [{ uuid, file }];
  });
  return { machines, extraData: parseExtraData(global) };
}

/** A VM's `.vbox` file (format 1.20-linux); null when it is not one. */
export function parseMachine(xml: string): ObservedMachine | null {
  const machine = child(child(parseXml(xml), 'VirtualBox'), 'Machine');
  const uuid = plainUuid(attribute(machine, 'uuid'));
  if (machine === undefined || uuid === null) return null;
  const bases = parseMediaBases(machine);
  const hardware = child(machine, 'Hardware');
  const controllers = children(storageOf(machine), 'StorageController');
  return {
    uuid,
    name: attribute(machine, 'name') ?? '',
    cores: Number(attribute(child(hardware, 'CPU'), 'count') ?? 1),
    memoryMiB: Number(attribute(child(hardware, 'Memory'), 'RAMSize')),
    nics: children(child(hardware, 'Network'), 'Adapter')
      .filter((adapter) => attribute(adapter, 'enabled') === 'true')
      .map(parseNic),
    aborted: attribute(machine, 'aborted') === 'true',
    savedState: attribute(machine, 'stateFile') !== undefined,
    remoteDisplay: attribute(child(child(machine, 'Hardware'), 'RemoteDisplay'), 'enabled') === 'true',
    currentSnapshotUuid: plainUuid(attribute(machine, 'currentSnapshot')),
    snapshots: children(machine, 'Snapshot').flatMap((snapshot) => parseSnapshot(snapshot, null)),
    controllers: controllers.map((controller) => ({
      name: attribute(controller, 'name') ?? '',
      ports: Number(attribute(controller, 'PortCount')),
      hostIoCache: attribute(controller, 'useHostIOCache') === 'true',
    })),
    bandwidthGroups: children(child(child(hardware, 'IO'), 'BandwidthGroups'), 'BandwidthGroup').map((group) => ({
      name: attribute(group, 'name') ?? '',
      bytesPerSecond: Number(attribute(group, 'maxBytesPerSec')),
    })),
    attachments: controllers.flatMap((controller) => parseAttachments(controller, bases)),
    orphans: parseOrphans(machine),
    extraData: parseExtraData(machine),
    serialPaths: children(child(hardware, 'UART'), 'Port').flatMap((port) => attribute(port, 'path') ?? []),
  };
}

/** The drives of a machine, or of a snapshot; in formats before 1.19 they do not stand with the other hardware. */
export function storageOf(machine: XmlNode | undefined): XmlNode | undefined {
  return child(child(machine, 'Hardware'), 'StorageControllers') ?? child(machine, 'StorageControllers');
}

function parseNic(adapter: XmlNode): ObservedNic {
  const mac = (attribute(adapter, 'MACAddress') ?? '').toLowerCase();
  return { number: Number(attribute(adapter, 'slot')), mac: mac.match(/../g)?.join(':') ?? '' };
}

function parseExtraData(node: XmlNode | undefined): Record<string, string> {
  const items = children(child(node, 'ExtraData'), 'ExtraDataItem');
  return Object.fromEntries(items.map((item) => [attribute(item, 'name') ?? '', attribute(item, 'value') ?? '']));
}

function parseSnapshot(node: XmlNode, parentUuid: string | null): ObservedSnapshot[] {
  const uuid = plainUuid(attribute(node, 'uuid'));
  if (uuid === null) return [];
  const snapshot: ObservedSnapshot = {
    uuid,
    name: attribute(node, 'name') ?? '',
    description: text(child(node, 'Description')),
    takenAt: Date.parse(attribute(node, 'timeStamp') ?? ''),
    memory: attribute(node, 'stateFile') !== undefined,
    parentUuid,
  };
  const grown = children(child(node, 'Snapshots'), 'Snapshot').sort(
    (a, b) => Date.parse(attribute(a, 'timeStamp') ?? '') - Date.parse(attribute(b, 'timeStamp') ?? ''),
  );
  return [snapshot, ...grown.flatMap((inner) => parseSnapshot(inner, uuid))];
}

function parseOrphans(machine: XmlNode): OrphanMedium[] {
  const attached = new Set<string>();
  const collect = (node: XmlNode): void => {
    for (const device of children(node, 'AttachedDevice')) {
      const uuid = plainUuid(attribute(child(device, 'Image'), 'uuid'));
      if (uuid !== null) attached.add(uuid);
    }
    for (const inner of Object.values(node)) if (Array.isArray(inner)) for (const one of inner) if (typeof one === 'object') collect(one);
  };
  collect(machine);
  const orphansBelow = (disk: XmlNode): OrphanMedium[] =>
    children(disk, 'HardDisk').flatMap((difference) => {
      const uuid = plainUuid(attribute(difference, 'uuid'));
      const isLeaf = children(difference, 'HardDisk').length === 0;
      if (!isLeaf || uuid === null || attached.has(uuid)) return orphansBelow(difference);
      const location = attribute(difference, 'location') ?? '';
      return isAbsolute(location) || location.split('/').includes('..') ? [] : [{ uuid, location }];
    });
  return children(child(child(machine, 'MediaRegistry'), 'HardDisks'), 'HardDisk').flatMap(orphansBelow);
}

/** From each image's UUID to the location of the image at the bottom of its chain. */
function parseMediaBases(machine: XmlNode): Map<string, string> {
  const bases = new Map<string, string>();
  const visit = (disk: XmlNode, base: string): void => {
    const uuid = plainUuid(attribute(disk, 'uuid'));
    if (uuid !== null) bases.set(uuid, base);
    for (const difference of children(disk, 'HardDisk')) visit(difference, base);
  };
  const registry = child(machine, 'MediaRegistry');
  for (const disk of children(child(registry, 'HardDisks'), 'HardDisk')) visit(disk, attribute(disk, 'location') ?? '');
  for (const image of children(child(registry, 'DVDImages'), 'Image')) visit(image, attribute(image, 'location') ?? '');
  return bases;
}

function parseAttachments(controller: XmlNode, bases: ReadonlyMap<string, string>): ObservedAttachment[] {
  return children(controller, 'AttachedDevice').flatMap((device) => {
    const type = attribute(device, 'type');
    if (type !== 'HardDisk' && type !== 'DVD') return [];
    const mediumUuid = plainUuid(attribute(child(device, 'Image'), 'uuid'));
    return [
      {
        controller: attribute(controller, 'name') ?? '',
        port: Number(attribute(device, 'port')),
        device: Number(attribute(device, 'device')),
        type,
        mediumUuid,
        baseLocation: mediumUuid === null ? null : (bases.get(mediumUuid) ?? null),
        discard: attribute(device, 'discard') === 'true',
        nonrotational: attribute(device, 'nonrotational') === 'true',
        hotpluggable: attribute(device, 'hotpluggable') === 'true',
        bandwidthGroup: attribute(device, 'bandwidthGroup') ?? null,
      },
    ];
  });
}

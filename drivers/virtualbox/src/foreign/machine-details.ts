import { storageOf } from '../machine-file.ts';
import { attribute, child, children, parseXml, plainUuid, text } from '../xml-node.ts';
import type { XmlNode } from '../xml-node.ts';

/** An image in a machine's list of media. */
export interface Medium {
  uuid: string;
  /** As VirtualBox wrote it: absolute, or relative to the machine's folder. */
  location: string;
  kind: 'HardDisk' | 'DVD' | 'Floppy';
  /** `VDI`, `VMDK` and so on; empty for CD images. */
  format: string;
  /** `Normal`, `Immutable` and so on, of the image that a chain grows from; empty of the others. */
  type: string;
  encrypted: boolean;
  /** The image that it grows from. */
  parentUuid: string | null;
}

/** A drive of the machine as it stands. */
export interface DetailedDrive {
  controller: string;
  port: number;
  device: number;
  type: string;
  mediumUuid: string | null;
  /** It is a drive of the host, not an image. */
  hostDrive: boolean;
  discard: boolean;
  nonrotational: boolean;
  hotpluggable: boolean;
  bandwidthGroup: string | null;
}

export interface DetailedNic {
  number: number;
  /** Six lower-case pairs with colons. */
  mac: string;
  /** By VirtualBox's name. */
  type: string;
  /** What it is tied to, for people. */
  attachment: string;
}

/** All of a `.vbox` file that adoption wants to know; `machine-file.ts` reads what is wanted of every VM all the time. */
export interface MachineDetails {
  name: string;
  description: string;
  osType: string;
  /** Elements that this reader does not know where to look in: a newer format. */
  newer: boolean;
  cores: number;
  cpuCap: number;
  memoryMiB: number;
  chipset: string;
  firmware: string;
  tpmType: string;
  /** Of the machine and of its snapshots, without `None`. */
  tpmTypes: string[];
  /** Where the machine's own store of variables is said to lie; null where that is beside its file, by VirtualBox's usual name. */
  store: string | null;
  display: string;
  displayMemoryMiB: number;
  /** VirtualBox's classes, in order, without `None`. */
  boot: string[];
  audio: boolean;
  snapshotFolder: string;
  /** Saved memory, as VirtualBox wrote where it lies; the snapshot's name is null for the machine's own. */
  memory: { snapshot: string | null; path: string }[];
  aborted: boolean;
  nics: DetailedNic[];
  controllers: { name: string; type: string; ports: number; hostIoCache: boolean }[];
  drives: DetailedDrive[];
  media: Medium[];
  snapshots: number;
  /** UUIDs of the images in drives of the machine and of its snapshots. */
  inDrives: string[];
  /** Files of saved memory and of the firmware's variables, of the machine and of its snapshots, as VirtualBox wrote them. */
  otherFiles: string[];
}

/** A machine's details, or why there are none: `encrypted`, or no machine's file at all (null). */
export function machineDetails(xml: string): MachineDetails | 'encrypted' | null {
  const root = child(parseXml(xml), 'VirtualBox');
  if (child(root, 'MachineEncrypted') !== undefined) return 'encrypted';
  const machine = child(root, 'Machine');
  if (machine === undefined || attribute(machine, 'uuid') === undefined) return null;
  const hardware = child(machine, 'Hardware');
  const display = child(hardware, 'Display');
  const controllers = children(storageOf(machine), 'StorageController');
  const bios = child(hardware, 'BIOS');
  return {
    name: attribute(machine, 'name') ?? '',
    description: text(child(machine, 'Description')),
    osType: attribute(machine, 'OSType') ?? '',
    newer: child(hardware, 'Platform') !== undefined,
    cores: Number(attribute(child(hardware, 'CPU'), 'count') ?? 1),
    cpuCap: Number(attribute(child(hardware, 'CPU'), 'executionCap') ?? 100),
    memoryMiB: Number(attribute(child(hardware, 'Memory'), 'RAMSize')),
    chipset: attribute(child(hardware, 'Chipset'), 'type') ?? 'PIIX3',
    firmware: attribute(child(hardware, 'Firmware'), 'type') ?? 'BIOS',
    tpmType: tpmType(hardware),
    tpmTypes: tpmTypes(machine).filter((type) => type !== 'None'),
    store: attribute(child(bios, 'NVRAM') ?? child(hardware, 'NVRAM'), 'path') ?? null,
    display: attribute(display, 'controller') ?? 'VBoxVGA',
    displayMemoryMiB: Number(attribute(display, 'VRAMSize') ?? 8),
    boot: bootOrder(child(hardware, 'Boot')),
    audio: attribute(child(hardware, 'AudioAdapter'), 'enabled') === 'true',
    snapshotFolder: attribute(machine, 'snapshotFolder') ?? 'Snapshots',
    memory: savedMemory(machine, null),
    aborted: attribute(machine, 'aborted') === 'true',
    nics: children(child(hardware, 'Network'), 'Adapter')
      .filter((adapter) => attribute(adapter, 'enabled') === 'true')
      .map(detailedNic),
    controllers: controllers.map((controller) => ({
      name: attribute(controller, 'name') ?? '',
      type: attribute(controller, 'type') ?? '',
      ports: Number(attribute(controller, 'PortCount') ?? 1),
      hostIoCache: attribute(controller, 'useHostIOCache') === 'true',
    })),
    drives: controllers.flatMap((controller) => children(controller, 'AttachedDevice').map((device) => detailedDrive(controller, device))),
    media: media(child(machine, 'MediaRegistry')),
    snapshots: children(machine, 'Snapshot').reduce((sum, snapshot) => sum + countSnapshots(snapshot), 0),
    inDrives: inDrives(machine),
    otherFiles: otherFiles(machine),
  };
}

/** VirtualBox writes the order only where it is not its default: floppy, CD, disk. */
function bootOrder(boot: XmlNode | undefined): string[] {
  const orders = children(boot, 'Order').map((order) => ({
    place: Number(attribute(order, 'position')),
    device: attribute(order, 'device') ?? '',
  }));
  if (orders.length === 0) return ['Floppy', 'DVD', 'HardDisk'];
  return orders
    .toSorted((a, b) => a.place - b.place)
    .map(({ device }) => device)
    .filter((device) => device !== 'None' && device !== '');
}

const attachments = [
  'NAT',
  'BridgedInterface',
  'InternalNetwork',
  'HostOnlyInterface',
  'HostOnlyNetwork',
  'GenericInterface',
  'NATNetwork',
  'CloudNetwork',
];

function detailedNic(adapter: XmlNode): DetailedNic {
  const kind = attachments.find((name) => child(adapter, name) !== undefined);
  const to = kind === undefined ? undefined : (attribute(child(adapter, kind), 'name') ?? attribute(child(adapter, kind), 'driver'));
  return {
    number: Number(attribute(adapter, 'slot')),
    mac: ((attribute(adapter, 'MACAddress') ?? '').toLowerCase().match(/../gu) ?? []).join(':'),
    type: attribute(adapter, 'type') ?? 'Am79C970A',
    attachment: kind === undefined ? 'nothing' : to === undefined ? kind : `${kind} ${JSON.stringify(to)}`,
  };
}

function detailedDrive(controller: XmlNode, device: XmlNode): DetailedDrive {
  return {
    controller: attribute(controller, 'name') ?? '',
    port: Number(attribute(device, 'port')),
    device: Number(attribute(device, 'device')),
    type: attribute(device, 'type') ?? '',
    mediumUuid: plainUuid(attribute(child(device, 'Image'), 'uuid')),
    hostDrive: child(device, 'HostDrive') !== undefined,
    discard: attribute(device, 'discard') === 'true',
    nonrotational: attribute(device, 'nonrotational') === 'true',
    hotpluggable: attribute(device, 'hotpluggable') === 'true',
    bandwidthGroup: attribute(device, 'bandwidthGroup') ?? null,
  };
}

function media(registry: XmlNode | undefined): Medium[] {
  const found: Medium[] = [];
  const take = (node: XmlNode, kind: Medium['kind'], parentUuid: string | null): void => {
    const uuid = plainUuid(attribute(node, 'uuid')) ?? '';
    found.push({
      uuid,
      location: attribute(node, 'location') ?? '',
      kind,
      format: attribute(node, 'format') ?? '',
      type: attribute(node, 'type') ?? '',
      encrypted: children(node, 'Property').some((property) => (attribute(property, 'name') ?? '').startsWith('CRYPT/')),
      parentUuid,
    });
    for (const inner of children(node, 'HardDisk')) take(inner, kind, uuid);
  };
  for (const disk of children(child(registry, 'HardDisks'), 'HardDisk')) take(disk, 'HardDisk', null);
  for (const image of children(child(registry, 'DVDImages'), 'Image')) take(image, 'DVD', null);
  for (const image of children(child(registry, 'FloppyImages'), 'Image')) take(image, 'Floppy', null);
  return found;
}

function countSnapshots(snapshot: XmlNode): number {
  return children(child(snapshot, 'Snapshots'), 'Snapshot').reduce((sum, inner) => sum + countSnapshots(inner), 1);
}

function inDrives(node: XmlNode): string[] {
  const own = children(node, 'AttachedDevice').flatMap((device) => plainUuid(attribute(child(device, 'Image'), 'uuid')) ?? []);
  const parts = ['Snapshot', 'Snapshots', 'Hardware', 'StorageControllers', 'StorageController'];
  return [...own, ...parts.flatMap((name) => children(node, name).flatMap(inDrives))];
}

function otherFiles(node: XmlNode): string[] {
  const own = [attribute(node, 'stateFile'), ...children(node, 'NVRAM').map((store) => attribute(store, 'path'))];
  const inner = ['Snapshot', 'Snapshots', 'Hardware', 'BIOS'].flatMap((name) => children(node, name).flatMap(otherFiles));
  return [...own.flatMap((path) => (path === undefined || path === '' ? [] : [path])), ...inner];
}

function tpmType(hardware: XmlNode | undefined): string {
  return attribute(child(hardware, 'TrustedPlatformModule') ?? child(child(hardware, 'BIOS'), 'TrustedPlatformModule'), 'type') ?? 'None';
}

function snapshotsOf(node: XmlNode): XmlNode[] {
  return [...children(node, 'Snapshot'), ...children(child(node, 'Snapshots'), 'Snapshot')];
}

function tpmTypes(node: XmlNode): string[] {
  return [tpmType(child(node, 'Hardware')), ...snapshotsOf(node).flatMap(tpmTypes)];
}

function savedMemory(node: XmlNode, snapshot: string | null): MachineDetails['memory'] {
  const path = attribute(node, 'stateFile') ?? '';
  const inner = snapshotsOf(node).flatMap((one) => savedMemory(one, attribute(one, 'name') ?? ''));
  return [...(path === '' ? [] : [{ snapshot, path }]), ...inner];
}

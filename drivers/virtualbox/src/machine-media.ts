import { storageOf } from './machine-file.ts';
import { attribute, child, children, parseXml, plainUuid } from './xml-node.ts';
import type { XmlNode } from './xml-node.ts';

/** An image of a disk in VirtualBox's list. */
export interface Medium {
  uuid: string;
  /** The image that a differencing one grows from. */
  parentUuid: string | null;
  /** As VirtualBox wrote it: absolute, or relative to the folder of the machine in whose file it stands. */
  location: string;
}

/** What the machine's disks are in one of its snapshots, or now. */
export interface DiskState {
  /** The snapshot's UUID; null for the present state. */
  snapshot: string | null;
  /** The images in its drives. */
  disks: string[];
  /** The variables of UEFI, with the TPM's memory, relative to the machine's folder; null where VirtualBox has its usual name. */
  nvram: string | null;
}

/** The media in a `.vbox` file. */
export interface MachineMedia {
  /**
   * Trees that grow from an image which this machine was the first to have. The images of its linked clones are among
   * them, and not in the files of those (7.2.22).
   */
  media: Medium[];
  states: DiskState[];
}

/** What a `.vbox` file (format 1.20-linux) says of media; nothing when it is none. */
export function parseMachineMedia(xml: string): MachineMedia {
  const machine = child(child(parseXml(xml), 'VirtualBox'), 'Machine');
  const disks = children(child(child(machine, 'MediaRegistry'), 'HardDisks'), 'HardDisk');
  return {
    media: disks.flatMap((disk) => mediumTree(disk, null)),
    states: machine === undefined ? [] : [diskState(machine, null), ...children(machine, 'Snapshot').flatMap(snapshotStates)],
  };
}

function mediumTree(node: XmlNode, parentUuid: string | null): Medium[] {
  const uuid = plainUuid(attribute(node, 'uuid'));
  if (uuid === null) return [];
  const grown = children(node, 'HardDisk').flatMap((inner) => mediumTree(inner, uuid));
  return [{ uuid, parentUuid, location: attribute(node, 'location') ?? '' }, ...grown];
}

function snapshotStates(node: XmlNode): DiskState[] {
  const uuid = plainUuid(attribute(node, 'uuid'));
  return [...(uuid === null ? [] : [diskState(node, uuid)]), ...children(child(node, 'Snapshots'), 'Snapshot').flatMap(snapshotStates)];
}

function diskState(node: XmlNode, snapshot: string | null): DiskState {
  const hardware = child(node, 'Hardware');
  const devices = children(storageOf(node), 'StorageController').flatMap((controller) =>
    children(controller, 'AttachedDevice').filter((device) => attribute(device, 'type') === 'HardDisk'),
  );
  const nvram = attribute(child(child(hardware, 'BIOS'), 'NVRAM'), 'path') ?? null;
  return { snapshot, disks: devices.flatMap((device) => plainUuid(attribute(child(device, 'Image'), 'uuid')) ?? []), nvram };
}

import type { MachineDisk } from '@nakhoda/driver';
import type { DiskBus, FoundMachine } from '@nakhoda/schema';

/** A place for an image on a controller. */
export interface Place {
  controller: string;
  port: number;
  device: number;
}

/** A kind of controller: how `storagectl` makes it, and what it is called in a `.vbox` file and inside VirtualBox. */
export interface ControllerKind {
  /** Its name in the VM: the bus's. */
  name: string;
  add: string;
  controller: string;
  type: 'PIIX4' | 'AHCI' | 'VirtioSCSI' | 'NVMe';
  /** The device's name in VirtualBox's extra data. */
  device: string;
  /** Where a disk's own settings lie below its unit there: behind a SCSI driver, one step further. */
  diskPath: 'Config' | 'AttachedDriver/Config';
}

/** virtio-blk is not among them: VirtualBox has no such disk. `scsi` is virtio-scsi, as on QEMU. */
export const controllerKinds: Partial<Record<DiskBus, ControllerKind>> = {
  ide: { name: 'ide', add: 'ide', controller: 'PIIX4', type: 'PIIX4', device: 'piix3ide', diskPath: 'Config' },
  sata: { name: 'sata', add: 'sata', controller: 'IntelAhci', type: 'AHCI', device: 'ahci', diskPath: 'Config' },
  scsi: { name: 'scsi', add: 'virtio', controller: 'VirtIO', type: 'VirtioSCSI', device: 'virtio-scsi', diskPath: 'AttachedDriver/Config' },
  nvme: { name: 'nvme', add: 'pcie', controller: 'NVMe', type: 'NVMe', device: 'nvme', diskPath: 'Config' },
};

/** Name of the controller with the CD drive; every VM has it. */
export const ideController = 'ide';

/** The CD drive's: IDE's secondary master. */
export const cdPlace: Place = { controller: ideController, port: 1, device: 0 };

/** The cloud-init drive's, where there is one: the slave beside the CD drive. */
export const cloudInitPlace: Place = { controller: ideController, port: 1, device: 1 };

/** What IDE has left beside the CD drive, in the order in which Linux names them; the last is the cloud-init drive's. */
const idePlaces: Place[] = [
  { controller: ideController, port: 0, device: 0 },
  { controller: ideController, port: 0, device: 1 },
  { controller: ideController, port: 1, device: 1 },
];

/** Disks that IDE has room for: from `disk0` on. */
export function ideRoom(spec: { cloudInit?: string }): number {
  return idePlaces.length - (spec.cloudInit === undefined ? 0 : 1);
}

/** As many AHCI ports as a VM can have disks, so that each can come while it runs. One without a drive costs a guest's boot in the interpreter a sixth of a second. */
const sataPorts = 10;

/** The number in `disk3` or `net3`. */
export function slotNumber(slot: string): number {
  return Number(/\d+$/.exec(slot)?.[0] ?? 0);
}

/**
 * Where a disk goes: on its bus, at its slot's number. A disk that IDE has no room for, which `validate` refuses, goes on
 * SATA. A disk that was found there stays; another one goes on the controller that was found, past what is taken.
 */
export function placeDisk(disk: Pick<MachineDisk, 'slot' | 'bus'> & { path?: string }, found?: FoundMachine): Place {
  const stays = found?.drives.find((drive) => drive.type === 'HardDisk' && drive.slot === disk.slot && drive.path === disk.path);
  if (stays) return { controller: stays.controller, port: stays.port, device: stays.device };
  const usual = usualPlace(disk);
  if (found === undefined) return usual;
  const bus = Object.entries(controllerKinds).find(([, kind]) => kind.name === usual.controller)?.[0];
  const place = { ...usual, controller: found.controllers.find((controller) => controller.bus === bus)?.name ?? usual.controller };
  return found.drives.some((drive) => samePlace(drive, place)) ? { ...place, port: place.port + sataPorts } : place;
}

/** The kinds of controller with the names that they have in this machine. */
export function kindsIn(found: FoundMachine | undefined): ControllerKind[] {
  return Object.entries(controllerKinds).map(([bus, kind]) => ({
    ...kind,
    name: found?.controllers.find((controller) => controller.bus === bus)?.name ?? kind.name,
  }));
}

function usualPlace({ slot, bus }: Pick<MachineDisk, 'slot' | 'bus'>): Place {
  const number = slotNumber(slot);
  const onIde = bus === 'ide' ? idePlaces[number] : undefined;
  if (onIde) return onIde;
  const kind = (bus === 'ide' ? undefined : controllerKinds[bus]) ?? controllerKinds.sata;
  return { controller: kind?.name ?? 'sata', port: number, device: 0 };
}

/** The ports that a controller needs for disks in these places; IDE's number is fixed. */
export function portsFor(kind: ControllerKind, places: readonly Place[]): number {
  if (kind.type === 'PIIX4') return 2;
  if (kind.type === 'AHCI') return sataPorts;
  return Math.max(1, ...places.filter(({ controller }) => controller === kind.name).map(({ port }) => port + 1));
}

export function samePlace(a: Place, b: Place): boolean {
  return a.controller === b.controller && a.port === b.port && a.device === b.device;
}

import { dirname } from 'node:path';

import type { FoundHardware, MachineHardware } from '@nakhoda/driver';
import type { DiskBus, FoundDrive, FoundMachine, NicModel } from '@nakhoda/schema';

import { imageFormats } from '../image-facts.ts';
import { nicSlots, nicTypes } from '../nic-plan.ts';
import type { DetailedDrive, MachineDetails, Medium } from './machine-details.ts';
import { isImageFormat, type ReadFiles } from './machine-files.ts';
import { mediumPath } from './medium-path.ts';
import { shown } from './read-guarded.ts';

/** What was found out about the files of a machine. */
export interface MachineFiles extends Pick<ReadFiles, 'images' | 'memory' | 'store'> {
  /** The folder that its `.vbox` file lies in. */
  folder: string;
  /** UUIDs and absolute paths of media that other machines have, to those machines' names. */
  usedBy: ReadonlyMap<string, string>;
  /** The version of the VirtualBox here, such as `7.2.22`. */
  version: string;
}

const buses: Record<string, DiskBus> = { PIIX3: 'ide', PIIX4: 'ide', ICH6: 'ide', AHCI: 'sata', VirtioSCSI: 'scsi', NVMe: 'nvme' };
/** The order in which VirtualBox's BIOS counts controllers. */
const busOrder: readonly DiskBus[] = ['ide', 'sata', 'scsi', 'nvme'];
const displays: Record<string, MachineHardware['display']> = { VBoxVGA: 'std', VMSVGA: 'vmware', VBoxSVGA: 'vmware', None: 'none' };
const mostDisks = 10;
const firmwares: Record<string, MachineHardware['firmware']> = { BIOS: 'bios', EFI: 'uefi', EFI32: 'uefi', EFI64: 'uefi', EFIDUAL: 'uefi' };
/** What VirtualBox calls the TPM that it emulates by itself; others are devices of the host, or of TPM 1.2. */
const tpm2 = 'v2_0';

/**
 * What a record of ours can say of a machine, and why it cannot be had, one sentence each. With reasons there is no
 * record. Pure.
 */
export function judgeMachine(details: MachineDetails, files: MachineFiles): { found: FoundHardware | null; reasons: string[] } {
  const reasons: string[] = [];
  const left: string[] = [];
  const need = <T>(value: T | undefined, reason: string): T | undefined => {
    if (value === undefined) reasons.push(reason);
    return value;
  };
  if (details.newer) reasons.push('Its settings are of a newer format, which cannot be read as a whole.');
  const machine = need({ PIIX3: 'i440fx' as const, ICH9: 'q35' as const }[details.chipset], `Its chipset is ${shown(details.chipset)}.`);
  const firmware = need(firmwares[details.firmware], `Its firmware is ${shown(details.firmware)}.`);
  if (firmware === 'uefi' && details.firmware !== 'EFI64') left.push(`It keeps its firmware ${details.firmware}; vm show calls it uefi.`);
  for (const type of new Set(details.tpmTypes))
    if (type !== tpm2) reasons.push(`It, or a snapshot of it, has a TPM of the type ${shown(type)}, which Nakhoda has not.`);
  memoryReasons(files, reasons, left);
  const display = need(displays[details.display], `Its graphics card is ${shown(details.display)}.`);
  if (details.display === 'VBoxSVGA')
    left.push('It keeps its graphics card VBoxSVGA until another one is chosen; vm show calls it vmware.');
  mediaReasons(details, files, reasons);
  const drives = foundDrives(details, files, reasons, left);
  const nics = foundNics(details, reasons, left);
  if (reasons.length > 0 || machine === undefined || display === undefined || firmware === undefined) return { found: null, reasons };

  const disks = drives.flatMap((drive) => foundDisk(drive, details, files));
  const cd = drives.find(({ slot }) => slot === 'cdrom');
  const hardware: MachineHardware = {
    ...{
      sockets: 1,
      cpuModel: 'default',
      cpuShares: 100,
      balloonMiB: 0,
      memoryMaxMiB: 0,
      machine,
      firmware,
      secureBoot: firmware === 'uefi' && files.store?.secureBoot === true,
      tpm: details.tpmType === tpm2,
    },
    cpuLimit: details.cpuCap < 100 ? (details.cores * details.cpuCap) / 100 : 0,
    ...{ display, displayMemoryMiB: Math.min(256, Math.max(1, details.displayMemoryMiB)) },
    bootOrder: bootOrder(details.boot, disks),
    ...{ serialPorts: 1, audio: details.audio, rng: false, watchdog: 'none', hostDevices: [] },
  };
  const adopted: FoundMachine = {
    drives,
    controllers: details.controllers.map(({ name, type, ports }) => ({ name, bus: buses[type] ?? null, ports })),
    nics: details.nics.map(({ number, mac }) => ({ slot: `net${number}`, mac })),
    folders: [...new Set([files.folder, ...paths(details, files.folder).map((path) => dirname(path))])].filter(
      (path) => path === files.folder || !path.startsWith(`${files.folder}/`),
    ),
  };
  return {
    reasons,
    found: {
      ...{ hardware, cores: details.cores, memoryMiB: details.memoryMiB, disks, cdrom: cd?.path ?? null, nics },
      ...{ notes: details.description.slice(0, 65_536), adopted: { found: adopted }, left },
    },
  };
}

function paths({ media }: MachineDetails, folder: string): string[] {
  return media.map(({ location }) => mediumPath(location, folder));
}

function mediaReasons({ media, inDrives }: MachineDetails, { folder, images, usedBy }: MachineFiles, reasons: string[]): void {
  for (const { location, kind, format, type, encrypted, parentUuid, uuid } of media) {
    const path = mediumPath(location, folder);
    const sharer = usedBy.get(uuid) ?? usedBy.get(path);
    if (kind !== 'HardDisk') continue;
    if (sharer !== undefined) reasons.push(`${shown(path)} is a disk of ${shown(sharer)}, too.`);
    // The driver takes such a layer for what an interrupted snapshot has left, and removes it.
    const isTop = parentUuid !== null && !media.some((other) => other.parentUuid === uuid);
    if (isTop && !inDrives.includes(uuid)) reasons.push(`${shown(path)}, a layer of a disk, is in no drive of it, nor of its snapshots.`);
    if (encrypted) reasons.push(`${shown(path)} is encrypted.`);
    else if (!isImageFormat(format))
      reasons.push(`${shown(path)} is a ${shown(format)} image; only ${Object.keys(imageFormats).join(', ')} images can stay in place.`);
    else if (images.get(path) === null) reasons.push(`${shown(path)} is no ${format} image.`);
    if (parentUuid === null && type !== '' && type !== 'Normal') reasons.push(`${shown(path)} is of the type ${shown(type)}.`);
  }
}

/** Saved memory can be gone on from by the version that wrote it. */
function memoryReasons({ memory, version }: MachineFiles, reasons: string[], left: string[]): void {
  for (const { snapshot, path, writtenBy } of memory) {
    if (writtenBy === version) continue;
    if (snapshot !== null) {
      const by = writtenBy === null ? 'is none that VirtualBox can read' : `was written by VirtualBox ${writtenBy}`;
      left.push(`The memory of its snapshot ${JSON.stringify(snapshot)} ${by}: a roll back to it may end without it (vm discard).`);
      continue;
    }
    const ways = 'Let its user start it there and shut it down, or throw the memory away: VBoxManage discardstate.';
    reasons.push(
      writtenBy === null
        ? `Its memory is saved in ${shown(path)}, which is no saved state of VirtualBox. ${ways}`
        : `Its memory was saved by VirtualBox ${writtenBy}; the one here is ${version}, and may not go on from it. ${ways}`,
    );
  }
}

function foundDrives(details: MachineDetails, files: MachineFiles, reasons: string[], left: string[]): FoundDrive[] {
  const media = new Map(details.media.map((medium) => [medium.uuid, medium]));
  const rank = ({ controller, port, device }: DetailedDrive): number => {
    const type = details.controllers.find(({ name }) => name === controller)?.type ?? '';
    return busOrder.indexOf(buses[type] ?? 'nvme') * 10_000 + port * 10 + device;
  };
  let disks = 0;
  let cds = 0;
  return details.drives
    .toSorted((a, b) => rank(a) - rank(b))
    .flatMap((drive): FoundDrive[] => {
      const { controller, port, device, discard, nonrotational, hotpluggable, bandwidthGroup } = drive;
      const place = `${controller} ${port}:${device}`;
      const medium = drive.mediumUuid === null ? undefined : media.get(drive.mediumUuid);
      if (drive.hostDrive) reasons.push(`The drive at ${shown(place)} is one of the host.`);
      if (drive.mediumUuid !== null && medium === undefined) {
        reasons.push(
          `The image at ${shown(place)} is not in the machine's own list of media.${drive.type === 'HardDisk' ? '' : ' Eject it.'}`,
        );
        return [];
      }
      if (drive.type === 'Floppy') return [];
      if (drive.type !== 'HardDisk' && drive.type !== 'DVD') {
        reasons.push(`The drive at ${shown(place)} is a ${shown(drive.type)}.`);
        return [];
      }
      const path = medium === undefined ? null : mediumPath(base(medium, media).location, files.folder);
      const rest = { controller, port, device, path, discard, nonrotational, hotpluggable, bandwidthGroup };
      if (drive.type === 'DVD') {
        cds += 1;
        if (cds > 1) left.push(`Its CD drive at ${shown(place)} stays as it is; vm set --cdrom is about the first one.`);
        return [{ slot: cds === 1 ? 'cdrom' : null, type: 'DVD', ...rest }];
      }
      const type = details.controllers.find(({ name }) => name === controller)?.type ?? '';
      if (buses[type] === undefined) reasons.push(`The disk at ${shown(place)} is on a controller of the type ${shown(type)}.`);
      if (bandwidthGroup !== null)
        left.push(`The disk at ${shown(place)} keeps its limit ${shown(bandwidthGroup)}, which vm show does not tell.`);
      disks += 1;
      if (disks === mostDisks + 1) reasons.push(`It has more than ${mostDisks} disks.`);
      const image = path === null ? null : files.images.get(path);
      const most = image && !image.canGrow ? { mostBytes: image.sizeBytes } : {};
      return [{ slot: `disk${disks - 1}`, type: 'HardDisk', ...rest, ...most }];
    });
}

/** The image that a chain grows from. A list of media cannot go in circles: it is a tree. */
function base(medium: Medium, media: ReadonlyMap<string, Medium>): Medium {
  let found = medium;
  for (let parent = media.get(found.parentUuid ?? ''); parent !== undefined && parent !== found; parent = media.get(found.parentUuid ?? ''))
    found = parent;
  return found;
}

function foundDisk(drive: FoundDrive, details: MachineDetails, { folder, images }: MachineFiles): FoundHardware['disks'] {
  if (drive.type !== 'HardDisk' || drive.slot === null || drive.path === null) return [];
  const controller = details.controllers.find(({ name }) => name === drive.controller);
  const format = details.media.find(({ location }) => mediumPath(location, folder) === drive.path)?.format ?? '';
  return [
    {
      ...{
        slot: drive.slot,
        path: drive.path,
        sizeBytes: images.get(drive.path)?.sizeBytes ?? 0,
        format: isImageFormat(format) ? imageFormats[format] : 'vdi',
      },
      ...{ bus: buses[controller?.type ?? ''] ?? 'sata', cache: controller?.hostIoCache === true ? 'writeback' : 'none' },
      ...{ discard: true, ssd: drive.nonrotational, iopsLimit: 0, mbpsLimit: 0 },
    },
  ];
}

function foundNics({ nics }: MachineDetails, reasons: string[], left: string[]): FoundHardware['nics'] {
  return nics.flatMap(({ number, mac, type, attachment }) => {
    left.push(`Its NIC ${number} was tied to ${attachment}; that rests until it is given back.`);
    const model = Object.entries(nicTypes).find(([, name]) => name === type)?.[0] as NicModel | undefined;
    if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/u.test(mac)) reasons.push(`The MAC address of NIC ${number} cannot be read.`);
    if (nics.some((other) => other.number < number && other.mac === mac)) reasons.push(`The MAC address ${mac} is on two of its NICs.`);
    if (number < nicSlots && model !== undefined) return [{ slot: `net${number}`, mac, model }];
    left.push(`Its NIC ${number} (${shown(type)}) is of a kind that Nakhoda has not; it stays, without a cable.`);
    return [];
  });
}

function bootOrder(boot: readonly string[], disks: FoundHardware['disks']): string[] {
  const first = disks.find(({ bus }) => bus !== 'nvme')?.slot ?? (disks.length === 0 ? 'disk0' : null);
  return boot.flatMap((device) => (device === 'DVD' ? ['cdrom'] : device === 'HardDisk' && first !== null ? [first] : []));
}

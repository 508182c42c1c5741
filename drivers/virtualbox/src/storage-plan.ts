import type { MachineDisk, MachineSpec } from '@nakhoda/driver';
import type { DiskCache, FoundDrive, FoundMachine } from '@nakhoda/schema';

import type { DefinitionStep } from './definition-plan.ts';
import type { ObservedAttachment, ObservedMachine } from './machine-file.ts';
import { cdPlace, cloudInitPlace, ideController, kindsIn, placeDisk, portsFor, samePlace } from './storage-places.ts';
import type { ControllerKind, Place } from './storage-places.ts';
import { wholeSectors } from './vdi-image.ts';

/** A drive that the machine is to have, with the image in it; null for an empty one. */
export interface PlannedDrive {
  place: Place;
  type: ObservedAttachment['type'];
  path: string | null;
  /** What the guest trims is given back to the host: on SATA, of disks that the guest knows as SSDs. See decision 0012. */
  discard: boolean;
  /** The guest is told that it is no rotating disk. */
  nonrotational: boolean;
  /** It may come and go while the guest runs; VirtualBox has that on SATA alone. */
  hotpluggable: boolean;
  bandwidthGroup: string | null;
}

/** A controller that the machine is to have. */
export interface PlannedController {
  kind: ControllerKind;
  ports: number;
  /** The host's cache is used for its images; VirtualBox has one setting for a whole controller. */
  hostIoCache: boolean;
}

/** Whether a disk with this cache mode goes through the host's cache. */
export function usesHostCache(cache: DiskCache): boolean {
  return cache !== 'none';
}

/** Bytes a second of a limit in megabytes (10^6 bytes). */
function bytesPerSecond({ mbpsLimit }: MachineDisk): number {
  return mbpsLimit * 1_000_000;
}

/** One disk's drive. */
export function planDisk(disk: MachineDisk, found?: FoundMachine): PlannedDrive {
  const place = placeDisk(disk, found);
  const before = found?.drives.find((drive) => drive.slot === disk.slot && drive.path === disk.path);
  const onSata = kindsIn(found).some(({ name, type }) => name === place.controller && type === 'AHCI');
  return {
    place,
    type: 'HardDisk',
    path: disk.path,
    discard: before?.discard ?? (disk.discard && disk.ssd && onSata),
    nonrotational: disk.ssd,
    hotpluggable: before?.hotpluggable ?? onSata,
    bandwidthGroup: disk.mbpsLimit > 0 ? disk.slot : (before?.bandwidthGroup ?? null),
  };
}

/** The machine's drives: disks in their order, then the CD drive, then the cloud-init drive where there is one. */
export function planDrives(spec: MachineSpec): PlannedDrive[] {
  const drive = { discard: false, nonrotational: false, hotpluggable: false, bandwidthGroup: null };
  const data = spec.cloudInit === undefined ? [] : [{ place: cloudInitPlace, type: 'DVD' as const, path: spec.cloudInit, ...drive }];
  const disks = spec.disks.map((disk) => planDisk(disk, spec.found));
  if (spec.found) return [...disks, ...spec.found.drives.filter(({ type }) => type === 'DVD').map((found) => foundCd(spec, found))];
  return [...disks, { place: cdPlace, type: 'DVD', path: spec.cdrom, ...drive }, ...data];
}

/** A CD drive that was found; the first one's image is the spec's affair. */
function foundCd(
  { cdrom }: MachineSpec,
  { slot, controller, port, device, path, discard, nonrotational, hotpluggable, bandwidthGroup }: FoundDrive,
): PlannedDrive {
  const place = { controller, port, device };
  return { place, type: 'DVD', path: slot === 'cdrom' ? cdrom : path, discard, nonrotational, hotpluggable, bandwidthGroup };
}

/** The place of the drive that the spec's CD is in; null for an adopted VM without one. */
export function cdPlaceOf({ found }: Pick<MachineSpec, 'found'>): Place | null {
  if (!found) return cdPlace;
  return found.drives.find(({ slot }) => slot === 'cdrom') ?? null;
}

/** The controllers that hold the drives. */
export function planControllers(spec: MachineSpec): PlannedController[] {
  const places = spec.disks.map((disk) => placeDisk(disk, spec.found));
  return kindsIn(spec.found).flatMap((kind) => {
    const own = spec.disks.filter((_disk, index) => places[index]?.controller === kind.name);
    if (own.length === 0 && (spec.found || kind.name !== ideController)) return [];
    const before = spec.found?.controllers.find(({ name }) => name === kind.name);
    const ports = before
      ? Math.max(before.ports, ...places.map(({ controller, port }) => (controller === kind.name ? port + 1 : 0)))
      : portsFor(kind, places);
    return [{ kind, ports, hostIoCache: own.every(({ cache }) => usesHostCache(cache)) }];
  });
}

/** The steps that bring drives and images of a registered machine in line with the spec. */
export function storageSteps(
  spec: MachineSpec,
  options: {
    observed: ObservedMachine | null;
    existingImages: ReadonlyMap<string, number | null>;
    /** Of a linked clone: the images in which its disks are written to, by the disks' paths. */
    linkedImages?: ReadonlyMap<string, string>;
  },
): DefinitionStep[] {
  const imageOf = (path: string): string => options.linkedImages?.get(path) ?? path;
  const drives = planDrives(spec);
  const observed = options.observed?.attachments ?? [];
  const detach = observed.filter((found) => !drives.some((drive) => holds(found, drive))).map((found) => detachStep(spec.uuid, found));
  const create = spec.disks.filter((disk) => !options.existingImages.has(disk.path)).map(createImageStep);
  const grow = spec.disks
    .filter((disk) => (options.existingImages.get(disk.path) ?? Infinity) < disk.sizeBytes)
    .map((disk) => ({ args: ['modifymedium', 'disk', disk.path, '--resizebyte', String(wholeSectors(disk.sizeBytes))], media: true }));
  const attach = drives.flatMap((drive) => {
    const found = observed.find((attachment) => holds(attachment, drive));
    if (!found) return [attachStep(spec.uuid, drive.path === null ? drive : { ...drive, path: imageOf(drive.path) })];
    const changes = attributeArgs(drive, found);
    return changes.length === 0 ? [] : [placeStep(spec.uuid, drive.place, changes)];
  });
  const limits = limitSteps(spec, options.observed);
  return [...controllerSteps(spec, options.observed), ...detach, ...create, ...grow, ...limits.before, ...attach, ...limits.after];
}

function holds(found: ObservedAttachment, { place, type, path }: PlannedDrive): boolean {
  return samePlace(found, place) && found.type === type && found.baseLocation === path;
}

/** Makes a disk's image. */
export function createImageStep(disk: MachineDisk): DefinitionStep {
  const size = String(wholeSectors(disk.sizeBytes));
  const args = ['createmedium', 'disk', '--filename', disk.path, '--sizebyte', size, '--format', 'VDI', '--variant', 'Standard'];
  return { args, media: true, makes: disk.path };
}

/** Puts a drive with its image into its place. */
export function attachStep(uuid: string, drive: PlannedDrive): DefinitionStep {
  const medium = ['--type', drive.type === 'DVD' ? 'dvddrive' : 'hdd', '--medium', drive.path ?? 'emptydrive'];
  return placeStep(uuid, drive.place, [...medium, ...attributeArgs(drive, plain)]);
}

/** Takes away whatever is in a place. */
export function detachStep(uuid: string, place: Place): DefinitionStep {
  return placeStep(uuid, place, ['--medium', 'none']);
}

function placeStep(uuid: string, place: Place, rest: string[]): DefinitionStep {
  const at = ['--storagectl', place.controller, '--port', String(place.port), '--device', String(place.device)];
  return { args: ['storageattach', uuid, ...at, ...rest], media: true };
}

type Attributes = Pick<PlannedDrive, 'discard' | 'nonrotational' | 'hotpluggable' | 'bandwidthGroup'>;

/** What a drive is like that nothing was said of. */
const plain: Attributes = { discard: false, nonrotational: false, hotpluggable: false, bandwidthGroup: null };

/** Only what differs: VirtualBox refuses some of these even with their default value, on controllers that lack them. */
function attributeArgs(wanted: Attributes, found: Attributes): string[] {
  const flags = (['discard', 'nonrotational', 'hotpluggable'] as const).flatMap((name) =>
    wanted[name] === found[name] ? [] : [`--${name}`, wanted[name] ? 'on' : 'off'],
  );
  const group = wanted.bandwidthGroup === found.bandwidthGroup ? [] : ['--bandwidthgroup', wanted.bandwidthGroup ?? 'none'];
  return [...flags, ...group];
}

/** Bandwidth groups, one for each disk with a limit: made before their disks are attached, removed after. */
export function limitSteps(
  spec: Pick<MachineSpec, 'uuid' | 'disks' | 'found'>,
  observed: Pick<ObservedMachine, 'bandwidthGroups'> | null,
): { before: DefinitionStep[]; after: DefinitionStep[] } {
  const step = (order: string, name: string, ...rest: string[]): DefinitionStep => ({
    args: ['bandwidthctl', spec.uuid, order, name, ...rest],
    media: false,
  });
  const groups = observed?.bandwidthGroups ?? [];
  const limited = spec.disks.filter(({ mbpsLimit }) => mbpsLimit > 0);
  return {
    before: limited.flatMap((disk) => {
      const group = groups.find(({ name }) => name === disk.slot);
      // In megabits: VirtualBox's megabytes are of 2^20 bytes, its megabits of 10^6 bits.
      const limit = ['--limit', `${disk.mbpsLimit * 8}m`];
      if (!group) return [step('add', disk.slot, '--type', 'disk', ...limit)];
      return group.bytesPerSecond === bytesPerSecond(disk) ? [] : [step('set', disk.slot, ...limit)];
    }),
    after: groups
      .filter(
        ({ name }) =>
          !limited.some(({ slot }) => slot === name) && !spec.found?.drives.some(({ bandwidthGroup }) => bandwidthGroup === name),
      )
      .map(({ name }) => step('remove', name)),
  };
}

function controllerSteps(spec: MachineSpec, observed: ObservedMachine | null): DefinitionStep[] {
  return planControllers(spec).flatMap(({ kind, ports, hostIoCache }) => {
    const { name, add, controller } = kind;
    const cache = ['--hostiocache', hostIoCache ? 'on' : 'off'];
    const found = observed?.controllers.find((candidate) => candidate.name === name);
    const count = kind.type === 'PIIX4' || (found && found.ports >= ports) ? [] : ['--portcount', String(ports)];
    if (!found) {
      return [
        { args: ['storagectl', spec.uuid, '--name', name, '--add', add, '--controller', controller, ...count, ...cache], media: false },
      ];
    }
    const changes = [...count, ...(found.hostIoCache === hostIoCache ? [] : cache)];
    return changes.length === 0 ? [] : [{ args: ['storagectl', spec.uuid, '--name', name, ...changes], media: false }];
  });
}

/**
 * Extra data that makes VirtualBox pass the guest's flushes on to the host, which it does not by itself (7.2.22 logs
 * "Flushes will be ignored"). Only where the disk's cache mode promises that; read when a VM starts.
 */
export function flushExtraData(spec: Pick<MachineSpec, 'disks' | 'found'>): Record<string, string> {
  const keys = spec.disks
    .filter(({ cache }) => cache !== 'unsafe')
    .flatMap((disk) => {
      const { controller, port, device } = placeDisk(disk, spec.found);
      const kind = kindsIn(spec.found).find(({ name }) => name === controller);
      const unit = kind?.type === 'PIIX4' ? port * 2 + device : port;
      return kind ? [`VBoxInternal/Devices/${kind.device}/0/LUN#${unit}/${kind.diskPath}/IgnoreFlush`] : [];
    });
  return Object.fromEntries(keys.map((key) => [key, '0']));
}

/** Whether the driver decides about this key of a VM's extra data by {@link flushExtraData}. */
export function isFlushKey(key: string): boolean {
  return /^VBoxInternal\/Devices\/[a-z0-9-]+\/0\/LUN#\d+\/(AttachedDriver\/)?Config\/IgnoreFlush$/.test(key);
}

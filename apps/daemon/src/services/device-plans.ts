import { defaultDisk, defaultNic } from '@nakhoda/driver';
import { checkDiskSize } from '@nakhoda/host';
import {
  type Capabilities,
  type DiskAdd,
  type DiskSet,
  NakhodaError,
  type NicAdd,
  type NicSet,
  type VmDisk,
  type VmNic,
  type VmSpec,
} from '@nakhoda/schema';

import { chooseMac } from './mac-addresses.ts';
import { imageFile, type VmRecord } from './vm-record.ts';

type Device = VmDisk | VmNic;

/** What the planners of disks have to know, observed now. */
export interface DiskFacts {
  capabilities: Capabilities;
  /** Names of what is in the VM's folder: an image that was kept is not taken for a new disk's. */
  files: ReadonlySet<string>;
  /** Slots of disks that snapshots have, also of those that the VM has not now. */
  heldSlots?: ReadonlySet<string>;
  pool: { name: string; totalBytes: number };
}

/**
 * The spec with a new, empty disk in the next free slot. Pure.
 * @throws NakhodaError `storage.too-large`, `vm.spec-invalid`
 */
export function planDiskAdd(record: VmRecord, { sizeGiB, ...options }: DiskAdd, facts: DiskFacts): VmSpec {
  const { spec, discarded = [] } = record;
  const { diskFormat, hardware } = facts.capabilities;
  const slot = freeSlot(record, 'disk', facts.heldSlots);
  checkDiskSize(sizeGiB * 1024 ** 3, facts.pool);
  const taken = new Set([...facts.files, ...discarded, ...allDisks(record).map(({ volume }) => imageFile(volume))]);
  let number = Number(slot.slice('disk'.length));
  while (taken.has(`disk-${number}.${diskFormat}`)) number += 1;
  const volume = `${facts.pool.name}:images/${spec.vmid}/disk-${number}.${diskFormat}`;
  const disk: VmDisk = { slot, volume, format: diskFormat, sizeGiB, ...defaultDisk(hardware), ...options };
  return { ...spec, disks: bySlot([...spec.disks, disk]) };
}

/** The spec with another bus, cache and so on for a disk. Pure. @throws NakhodaError `vm.device-not-found` */
export function planDiskSet({ spec }: VmRecord, slot: string, options: DiskSet): VmSpec {
  const disk = findDevice(spec, spec.disks, slot);
  return { ...spec, disks: spec.disks.map((one) => (one === disk ? { ...disk, ...options } : one)) };
}

/** The spec with a larger disk. Pure. @throws NakhodaError `vm.device-not-found`, `vm.spec-invalid`, `storage.too-large` */
export function planDiskResize({ spec }: VmRecord, slot: string, sizeGiB: number, pool: { name: string; totalBytes: number }): VmSpec {
  const disk = findDevice(spec, spec.disks, slot);
  if (sizeGiB < disk.sizeGiB) {
    throw new NakhodaError('vm.spec-invalid', {
      message: `${slot} of ${spec.name} has ${disk.sizeGiB} GiB, and a disk is not made smaller: what the guest has at its end would be cut off.`,
      hint: 'Add a smaller disk, copy what is wanted inside the guest, then remove this one.',
    });
  }
  checkDiskSize(sizeGiB * 1024 ** 3, pool);
  return { ...spec, disks: spec.disks.map((one) => (one === disk ? { ...disk, sizeGiB } : one)) };
}

/** The spec without a disk, and the image that nothing of it uses any more. Pure. @throws NakhodaError `vm.device-not-found` */
export function planDiskRemove({ spec }: VmRecord, slot: string): { spec: VmSpec; image: string } {
  const disk = findDevice(spec, spec.disks, slot);
  return { spec: withoutBoot({ ...spec, disks: spec.disks.filter((one) => one !== disk) }, slot), image: imageFile(disk.volume) };
}

/**
 * The spec with a NIC in the next free slot. Pure.
 * @throws NakhodaError `vm.mac-taken`, `vm.spec-invalid`
 */
export function planNicAdd(
  record: VmRecord,
  { network, model, mac }: NicAdd,
  facts: { capabilities: Capabilities; takenMacs: ReadonlySet<string>; macBytes: readonly [number, number, number] },
): VmSpec {
  const usual = defaultNic(facts.capabilities.hardware);
  const slot = freeSlot(record, 'net');
  const nic: VmNic = { slot, network, mac: chooseMac(mac, facts), ...usual, ...(model === undefined ? {} : { model }) };
  return { ...record.spec, nics: bySlot([...record.spec.nics, nic]) };
}

/** The spec with a NIC of another network, model or link. Pure. @throws NakhodaError `vm.device-not-found` */
export function planNicSet({ spec }: VmRecord, slot: string, options: NicSet): VmSpec {
  const nic = findDevice(spec, spec.nics, slot);
  return { ...spec, nics: spec.nics.map((one) => (one === nic ? { ...nic, ...options } : one)) };
}

/** The spec without a NIC. Pure. @throws NakhodaError `vm.device-not-found` */
export function planNicRemove({ spec }: VmRecord, slot: string): VmSpec {
  const nic = findDevice(spec, spec.nics, slot);
  return withoutBoot({ ...spec, nics: spec.nics.filter((one) => one !== nic) }, slot);
}

/** Disks that are wanted, and those that the present run has. */
function allDisks({ spec, active }: VmRecord): VmDisk[] {
  return [...spec.disks, ...(active?.spec.disks ?? [])];
}

/** A slot that neither the wanted machine nor the running one has: two devices in one would be taken for each other. */
export function freeSlot(record: VmRecord, kind: 'disk' | 'net', held: ReadonlySet<string> = new Set()): string {
  const nics = [...record.spec.nics, ...(record.active?.spec.nics ?? [])];
  const taken = new Set([...held, ...(kind === 'disk' ? allDisks(record) : nics).map(({ slot }) => slot)]);
  for (let number = 0; number < 10; number += 1) if (!taken.has(`${kind}${number}`)) return `${kind}${number}`;
  const what = kind === 'disk' ? 'disks' : 'NICs';
  throw new NakhodaError('vm.spec-invalid', {
    message: `${record.spec.name} has ten ${what} already, or its present run or its snapshots have; there is no room for another.`,
    hint: 'Remove one that is not needed; one that its run still has goes with its next start.',
  });
}

function findDevice<D extends Device>({ name }: VmSpec, devices: readonly D[], slot: string): D {
  const device = devices.find((one) => one.slot === slot);
  if (device) return device;
  throw new NakhodaError('vm.device-not-found', {
    message: `${name} has no ${slot}.`,
    hint: devices.length === 0 ? 'It has none of that kind.' : `It has: ${devices.map((one) => one.slot).join(', ')}.`,
  });
}

/** Devices in the order of their slots. Pure. */
export function bySlot<D extends Device>(devices: readonly D[]): D[] {
  return devices.toSorted((a, b) => a.slot.localeCompare(b.slot, 'en'));
}

/** `disk0` may stand in the boot order of a VM without one: that is the default. */
function withoutBoot(spec: VmSpec, slot: string): VmSpec {
  if (slot === 'disk0' || !spec.bootOrder.includes(slot)) return spec;
  return { ...spec, bootOrder: spec.bootOrder.filter((device) => device !== slot) };
}

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { defaultDisk } from '@nakhoda/driver';
import { type Capabilities, type DiskAttach, NakhodaError, type UnusedDisk, type VmDisk, type VmSpec } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { bySlot, freeSlot } from './device-plans.ts';
import { quietContext } from './hypervisors.ts';
import { localPool } from './plans.ts';
import { snapshotVolumes } from './snapshot-plans.ts';
import { imageFile, vmFolders, type VmRecord } from './vm-record.ts';

/**
 * Names of images in a VM's folder that neither it nor its run has, and that are not to be deleted anyway: what a
 * rollback or a removal left. Pure.
 * @param files names of what is in the folder
 */
export function unusedFiles({ spec, active, discarded = [] }: VmRecord, files: readonly string[], format: VmDisk['format']): string[] {
  const disks = [...spec.disks, ...(active?.spec.disks ?? [])];
  const used = new Set([...disks.map(({ volume }) => imageFile(volume)), ...discarded]);
  return files.filter((file) => numberIn(file, format) !== null && !used.has(file)).toSorted((a, b) => byNumber(a, b, format));
}

/** The number in the name that a new disk's image is given; null for another file's. */
function numberIn(file: string, format: VmDisk['format']): number | null {
  const [, digits, suffix] = /^disk-(\d{1,4})\.(\w+)$/u.exec(file) ?? [];
  return digits === undefined || suffix !== format ? null : Number(digits);
}

function byNumber(a: string, b: string, format: VmDisk['format']): number {
  return (numberIn(a, format) ?? 0) - (numberIn(b, format) ?? 0);
}

/** The images that a VM does not use, as they are now. Looked for in its folder, so that none is forgotten. */
export async function unusedDisks(services: Services, record: VmRecord): Promise<UnusedDisk[]> {
  const { config, hypervisors, store, log } = services;
  const { vmid, hypervisor } = record.spec;
  const driver = hypervisors.driver(hypervisor);
  const { diskFormat } = driver.capabilities();
  const { directory } = vmFolders(config.folders, vmid);
  // A folder that is gone has no images.
  const files = unusedFiles(record, await readdir(directory).catch(() => []), diskFormat);
  if (files.length === 0) return [];
  const ctx = quietContext(log);
  const kept = await snapshotVolumes(store, vmid);
  const present = kept.size === 0 ? [] : ((await driver.snapshots?.list(ctx, { vmid })) ?? []);
  return Promise.all(
    files.map(async (file): Promise<UnusedDisk> => {
      const volume = `${localPool}:images/${vmid}/${file}`;
      const measured = await driver.measureImage(ctx, { vmid, path: join(directory, file) }).catch(() => null);
      const holders = present.map(({ name }) => name).filter((name) => kept.get(name)?.includes(volume));
      return {
        slot: `unused${numberIn(file, diskFormat)}`,
        volume,
        sizeGiB: measured === null ? null : measured.sizeBytes / 1024 ** 3,
        snapshots: holders,
      };
    }),
  );
}

/** @throws NakhodaError `vm.device-not-found`; `snapshot.uses-disk` for one that comes back with a snapshot */
export function findUnused({ name }: VmSpec, unused: readonly UnusedDisk[], slot: string): UnusedDisk {
  const found = unused.find((one) => one.slot === slot);
  if (!found) {
    throw new NakhodaError('vm.device-not-found', {
      message: `${name} has no image ${slot}.`,
      hint: unused.length === 0 ? 'It uses all of its images.' : `It has: ${unused.map((one) => one.slot).join(', ')}.`,
    });
  }
  const [holder] = found.snapshots;
  if (holder === undefined) return found;
  throw new NakhodaError('snapshot.uses-disk', {
    message: `${slot} of ${name} is part of the snapshot ${holder}, which would be another if it were written to or deleted.`,
    hint: `Roll back to that snapshot, or delete it first (nakhoda snapshot list ${name}).`,
  });
}

/**
 * The spec with an unused image as a disk, in the next free slot. Pure.
 * @throws NakhodaError `vm.device-not-found`, `snapshot.uses-disk`, `storage.volume-refused`, `vm.spec-invalid`
 */
export function planDiskAttach(
  record: VmRecord,
  slot: string,
  options: DiskAttach,
  facts: { unused: readonly UnusedDisk[]; capabilities: Capabilities; heldSlots?: ReadonlySet<string> },
): VmSpec {
  const { spec } = record;
  const { volume, sizeGiB } = findUnused(spec, facts.unused, slot);
  if (sizeGiB === null) {
    throw new NakhodaError('storage.volume-refused', {
      message: `${volume} is no image that ${spec.hypervisor} can read, or it needs other files.`,
      hint: 'Look at it with `qemu-img info`.',
    });
  }
  const { diskFormat, hardware } = facts.capabilities;
  const disk: VmDisk = {
    slot: freeSlot(record, 'disk', facts.heldSlots),
    ...{ volume, format: diskFormat, sizeGiB },
    ...defaultDisk(hardware),
    ...options,
  };
  return { ...spec, disks: bySlot([...spec.disks, disk]) };
}

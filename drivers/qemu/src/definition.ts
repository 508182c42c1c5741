import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { DriverContext, MachineSpec } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { type Environment, sameSpec } from './environment.ts';
import { heldError, removeFile, temporaryImage, usesDiskError } from './images.ts';
import { imageDisks, type ImageDisk, variableDisks, variableStore } from './hardware/firmware.ts';
import { absentDisks, baseChain, type BaseImages, layeredSlots, memoryName, overlayName } from './layers.ts';
import { machinePaths, ownFiles } from './machine-paths.ts';
import { type MachineRecord, writeMachineRecord } from './machine-record.ts';
import type { Machine } from './machine.ts';
import { readSnapshots } from './snapshot-store.ts';

/** Makes a VM's record, folders and missing disks; gives the record. Undoes all of it when it fails. */
export async function createDefinition(
  environment: Environment,
  ctx: DriverContext,
  spec: MachineSpec,
  previous: MachineRecord | null,
): Promise<MachineRecord> {
  await using undo = new AsyncDisposableStack();
  for (const folder of [spec.directory, spec.runtimeDirectory]) {
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined)
      undo.defer(() => removeIfEmpty(folder).then(() => undefined));
  }
  const missing: ImageDisk[] = [];
  for (const disk of imageDisks(spec)) {
    if (await fileExists(disk.path)) await environment.images.check(disk, baseChain(previous?.base ?? {}, disk.path), ctx.signal);
    else missing.push(disk);
  }
  const base = withoutBases(
    previous?.base,
    missing.map(({ path }) => path),
  );
  // Last of all that may fail before the record: a disk that was grown stays so.
  const layered = layeredSlots(await readSnapshots(spec));
  for (const disk of spec.disks)
    if (!missing.some(({ slot }) => slot === disk.slot)) {
      const held = layered.includes(disk.slot) || environment.isHeld(disk.path);
      await environment.images.grow(disk, { held, base: baseChain(base, disk.path) }, ctx.signal);
    }
  const madeDisks = [...new Set([...(previous?.madeDisks ?? []), ...missing.map((disk) => disk.path)])];
  const kept = previous?.spec.machine === spec.machine ? previous.machineType : null;
  const machineType = kept ?? (await environment.machineType(spec.machine));
  const record: MachineRecord = { format: 1, spec, machineType, madeDisks, ...(Object.keys(base).length > 0 ? { base } : {}) };
  // Written before the disks are made, so that after a crash undefine still knows whose they are.
  undo.defer(() => (previous ? writeMachineRecord(previous) : removeFile(machinePaths(spec).record)));
  await writeMachineRecord(record);
  for (const disk of missing) {
    undo.defer(() => removeFile(disk.path));
    await makeImage(environment, ctx, spec, disk);
  }
  if (previous) await renewVariables(environment, ctx, previous.spec, spec);
  undo.move();
  return record;
}

/** What images lie on, without those that are not there any more: what is made in their place stands alone. */
export function withoutBases(base: BaseImages = {}, gone: readonly string[]): BaseImages {
  return Object.fromEntries(Object.entries(base).filter(([path]) => !gone.includes(path)));
}

/** Makes a disk's image, or what UEFI keeps its variables in: a copy of what they begin as. */
export async function makeImage(environment: Environment, ctx: DriverContext, spec: MachineSpec, disk: ImageDisk): Promise<void> {
  const firmware = disk.slot === variableStore ? environment.firmware(spec) : null;
  if (firmware) await environment.images.copyRaw(firmware.variables, disk, ctx.signal);
  else {
    await environment.images.create(disk, ctx.signal);
    ctx.log(`Made the disk ${disk.slot} (${disk.path}).`);
  }
  await environment.handOver(spec, disk.path);
}

/** Secure boot is a matter of the keys in the variable store: with and without it, the store begins as another. */
async function renewVariables(environment: Environment, ctx: DriverContext, former: MachineSpec, spec: MachineSpec): Promise<void> {
  if (former.firmware === spec.firmware && former.secureBoot === spec.secureBoot) return;
  for (const store of variableDisks(spec)) {
    await makeImage(environment, ctx, spec, store);
    ctx.log("UEFI's variables begin anew, with boot entries and keys as the firmware has them.");
  }
}

/** Brings a VM that does not run in line with the spec; one that runs only when nothing changes. */
export async function redefine(environment: Environment, ctx: DriverContext, machine: Machine, spec: MachineSpec): Promise<void> {
  if (machine.spec.uuid !== spec.uuid) {
    throw new NakhodaError('vm.vmid-taken', {
      message: `VM ${spec.vmid} exists with another UUID (${machine.spec.uuid}).`,
      hint: 'Take another vmid, or remove the other VM first.',
    });
  }
  if (machine.record.clone) await takeClone(machine);
  const disksThere = (await Promise.all(imageDisks(spec).map((disk) => fileExists(disk.path)))).every(Boolean);
  if (sameSpec(machine.spec, spec) && (machine.alive || disksThere)) return;
  if (machine.alive) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${spec.vmid} runs, and QEMU's command line cannot be changed meanwhile.`,
      hint: 'Shut the VM down first.',
    });
  }
  if (machine.suspended) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${spec.vmid} is to go on from memory on disk, so its hardware cannot be changed.`,
      hint: 'Start the VM and shut it down, or discard its memory; then change it.',
    });
  }
  await refuseLostDisks(machine, spec);
  if (machine.spec.runtimeDirectory !== spec.runtimeDirectory) await machine.setBoot(null);
  machine.record = await createDefinition(environment, ctx, spec, machine.record);
}

/** From here on what `clone` has made is a machine as any other. */
async function takeClone(machine: Machine): Promise<void> {
  const { clone, ...record } = machine.record;
  if (clone?.reading) throw unfinishedError(machine.spec.name);
  await writeMachineRecord(record);
  machine.record = record;
}

export function unfinishedError(vm: string): NakhodaError {
  return new NakhodaError('vm.wrong-state', {
    message: `VM ${vm} is a clone that was not finished, so its disks do not hold what they should.`,
    hint: 'Remove it, and clone again.',
  });
}

/** Overlays lie over a disk's image: it can neither go nor be another's as long as there are some. */
async function refuseLostDisks({ spec: former }: Machine, spec: MachineSpec): Promise<void> {
  const place = (one: MachineSpec, slot: string): string => {
    const disk = imageDisks(one).find((image) => image.slot === slot);
    return String(disk && [one.directory, disk.path, disk.format, slot === variableStore && one.secureBoot]);
  };
  const lost = layeredSlots(await readSnapshots(former)).filter((slot) => place(former, slot) !== place(spec, slot));
  if (lost.length > 0) throw usesDiskError(lost.join(', '));
}

/** See `Driver.deleteImage`. */
export async function deleteImage({ isHeld }: Environment, machine: Machine, path: string): Promise<void> {
  const { record } = machine;
  const { vmid, disks } = record.spec;
  if (disks.some((disk) => disk.path === path)) {
    throw new NakhodaError('vm.wrong-state', { message: `VM ${vmid} has the disk ${path} still.`, hint: 'Take it from the VM first.' });
  }
  if (!record.madeDisks.includes(path)) return;
  if (isHeld(path)) throw heldError(record.spec.name, `cannot lose ${path}`);
  const absent = absentDisks(await readSnapshots(record.spec)).find((disk) => disk.path === path);
  if (absent) throw usesDiskError(absent.slot);
  await removeFile(path);
  machine.record = { ...record, madeDisks: record.madeDisks.filter((one) => one !== path), base: withoutBases(record.base, [path]) };
  await writeMachineRecord(machine.record);
}

/** See `Driver.measureImage`. */
export async function measureImage(
  { images }: Environment,
  { signal }: DriverContext,
  { base = {} }: MachineRecord,
  path: string,
): Promise<{ sizeBytes: number }> {
  const chain = [{ layer: 0, path, format: 'qcow2' as const }, ...baseChain(base, path)];
  await images.check({ slot: basename(path), path, format: 'qcow2', sizeBytes: 0 }, chain.slice(1), signal);
  return { sizeBytes: await images.measure(chain, signal) };
}

/**
 * Deletes everything that the driver made for a VM, and its folders when nothing else is in them.
 * @throws NakhodaError `vm.has-clones` when a clone needs its images
 */
export async function removeDefinition({ isHeld }: Environment, ctx: DriverContext, record: MachineRecord): Promise<void> {
  const { spec } = record;
  const { layers, entries, trash } = await readSnapshots(spec);
  const overlays = layers.flatMap(({ id, slots }) => slots.map((slot) => overlayName(slot, id)));
  if ([...record.madeDisks, ...overlays.map((name) => join(spec.directory, name))].some(isHeld))
    throw heldError(spec.name, 'cannot be removed');
  const memories = entries.filter(({ memory }) => memory).map(({ number }) => memoryName(number));
  const snapshotFiles = [...overlays, ...memories, ...trash].map((name) => join(spec.directory, name));
  for (const path of [...record.madeDisks, ...snapshotFiles]) {
    await removeFile(temporaryImage(path));
    await removeFile(path);
  }
  await rm(machinePaths(spec).tpmState, { recursive: true, force: true });
  const { record: recordPath } = machinePaths(spec);
  // The record goes last: until then the VM is known, and this can be done again.
  for (const path of ownFiles(spec).filter((file) => file !== recordPath)) await removeFile(path);
  for (const path of await halfWritten(ownFiles(spec))) await removeFile(path);
  await removeFile(recordPath);
  for (const folder of [spec.directory, spec.runtimeDirectory]) {
    const foreign = await removeIfEmpty(folder);
    if (foreign.length > 0) ctx.log(`Left in ${folder}, because Nakhoda did not make it: ${foreign.join(', ')}.`);
  }
}

/** What a daemon that was killed while it wrote one of the files anew (`writeFileAtomic`) left beside it. */
async function halfWritten(files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of new Set(files.map((file) => dirname(file)))) {
    const names = await readdir(folder).catch(() => []);
    found.push(...names.filter((name) => /\.[0-9a-f]{12}\.new$/.test(name)).map((name) => join(folder, name)));
  }
  return found.filter((path) => files.includes(path.replace(/\.[0-9a-f]{12}\.new$/, '')));
}

/** Removes the folder when it is empty, otherwise gives what is in it. */
async function removeIfEmpty(folder: string): Promise<string[]> {
  try {
    await rmdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return (await readdir(folder)).map((name) => join(folder, name));
    if (code !== 'ENOENT') throw error;
  }
  return [];
}

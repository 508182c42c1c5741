import { randomUUID } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { CloneOptions, Driver, DriverContext, MachineSpec } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { capabilitiesOf } from './capabilities.ts';
import { diskOrigins, nvramPath, sourceAccess } from './clone-plan.ts';
import type { DiskOrigin } from './clone-plan.ts';
import { define, existsOutside, needGoodSpec } from './define.ts';
import { noLinkedGrowth } from './existing-images.ts';
import { needExecution } from './host-facts.ts';
import { differencePath } from './linked-images.ts';
import { saveTreesOf } from './linked-tree.ts';
import { machineName } from './machines.ts';
import { chainOf, foreignGrowth, isBelow } from './media-tree.ts';
import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';
import { machineFilePath } from './register.ts';
import type { LinkedDisks } from './register.ts';
import { copySnapshotName, isBaseSnapshot, isCopySnapshot, newBaseSnapshotName } from './snapshot-plan.ts';
import { dropHalfTaken, needSnapshot, takeHidden } from './snapshots.ts';
import { removeRemains, undefine } from './undefine.ts';
import { vmLane } from './vboxmanage.ts';
import { flattenVdi } from './vdi-flatten.ts';
import { readVdiHeader } from './vdi-header.ts';
import { wholeSectors, writeVdi } from './vdi-image.ts';

/** See `Driver.clone`. It registers the machine, too: only so does VirtualBox know a linked clone's images. */
export function createClone(parts: Parts): NonNullable<Driver['clone']> {
  return async (ctx, options) => {
    await parts.settled;
    const { source, spec } = options;
    // The source keeps its snapshots and does not start while its images are read.
    await parts.operations.run([vmLane(source), vmLane(spec.vmid)], () => clone(parts, ctx, options));
    parts.changed(source);
    parts.changed(spec.vmid);
  };
}

async function clone(parts: Parts, ctx: DriverContext, options: CloneOptions): Promise<void> {
  const { source, snapshot, spec } = options;
  needGoodSpec(spec, capabilitiesOf(parts.hostFacts()));
  needExecution(parts.hostFacts());
  const machine = await parts.machines.need(source);
  const point = snapshot === null ? null : needSnapshot(machine, snapshot).uuid;
  const how = sourceAccess((await parts.machines.view(machine)).status, options);
  const registered = await parts.machines.registeredFile(spec);
  if (source === spec.vmid || (registered && registered.uuid !== spec.uuid)) throw existsOutside(spec);
  await removeClone(parts, spec);
  await dropCopySnapshots(parts, machine);

  await parts.clones.write(spec.vmid, { source, spec });
  let made = false;
  try {
    const origin =
      how === 'frozen'
        ? await takeHidden(parts, ctx, machine, copySnapshotName(spec.vmid))
        : options.linked && snapshot === null
          ? await baseOf(parts, ctx, machine)
          : point;
    const linked = await makeDisks(parts, ctx, machine, origin, options);
    // Not for longer than it is needed: the guest's writes gather in it.
    if (how === 'frozen') await dropHalfTaken(parts, machine, copySnapshotName(spec.vmid));
    await define(parts, ctx, spec, linked);
    made = true;
  } finally {
    await settle(parts, machine, spec, { made, frozen: how === 'frozen' });
  }
}

/** Leaves nothing of a clone that failed, and no snapshot behind. What cannot be done now, the next daemon does. */
async function settle(parts: Parts, machine: KnownMachine, spec: MachineSpec, state: { made: boolean; frozen: boolean }): Promise<void> {
  let whole = true;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => {
      whole = false;
      parts.log(`clearing up after cloning VM ${machine.vmid}: ${String(error)}`);
    });
  };
  if (state.made) await attempt(() => parts.clones.write(spec.vmid, { source: machine.vmid, spec: null }));
  if (state.frozen) await attempt(() => dropHalfTaken(parts, machine, copySnapshotName(spec.vmid)));
  if (!state.made) {
    await attempt(() => removeClone(parts, spec));
    await attempt(() => dropUnusedBases(parts, machine.vmid));
  }
  await attempt(() => saveTreesOf(parts, machine));
  if (whole) await parts.clones.remove(spec.vmid);
}

/** The hidden snapshot that a linked clone of what a stopped VM holds now grows from: the last one, if nothing was written since. */
async function baseOf(parts: Parts, ctx: DriverContext, machine: KnownMachine): Promise<string> {
  const current = machine.observed?.snapshots.find(({ uuid }) => uuid === machine.observed?.currentSnapshotUuid);
  if (current && isBaseSnapshot(current.name) && !(await isWritten(parts, machine))) return current.uuid;
  const name = newBaseSnapshotName();
  try {
    return await takeHidden(parts, ctx, machine, name);
  } catch (error) {
    await dropHalfTaken(parts, machine, name);
    throw error;
  }
}

/** Whether there is anything in the images in the machine's drives, above its last snapshot. */
async function isWritten(parts: Parts, machine: KnownMachine): Promise<boolean> {
  const media = await parts.machines.media();
  const now = (await parts.machines.mediaOf(machine)).states.find(({ snapshot }) => snapshot === null);
  const headers = (now?.disks ?? []).map(async (uuid) => readVdiHeader(media.get(uuid)?.path ?? ''));
  return (await Promise.all(headers)).some((header) => header?.taken !== 0);
}

/** Deletes the snapshots that linked clones grew from, of which none is left. */
export async function dropUnusedBases(parts: Parts, vmid: number): Promise<void> {
  const machine = await parts.machines.find(vmid);
  for (const { uuid, name } of machine?.observed?.snapshots.filter((snapshot) => isBaseSnapshot(snapshot.name)) ?? []) {
    if (!machine) return;
    const media = await parts.machines.media();
    const disks = (await parts.machines.mediaOf(machine)).states.find(({ snapshot }) => snapshot === uuid)?.disks ?? [];
    if (foreignGrowth(media, disks, machine.spec.directory)) continue;
    await dropHalfTaken(parts, machine, name);
    await saveTreesOf(parts, machine);
  }
}

/** Undefines a machine by `work`, and then takes away what linked clones of its source's grew from, if it was the last of them. */
export async function undefineClone(parts: Parts, vmid: number, work: () => Promise<void>): Promise<void> {
  const sources = await sourcesOf(parts, vmid);
  await work();
  for (const source of sources) await parts.operations.run([vmLane(source)], () => dropUnusedBases(parts, source));
}

/** The machines whose images this one's grow from. */
async function sourcesOf(parts: Parts, vmid: number): Promise<number[]> {
  const spec = (await parts.machines.find(vmid))?.spec;
  if (spec === undefined) return [];
  const { directory, disks } = spec;
  const paths = disks.map(({ path }) => path);
  const media = await parts.machines.mediaAround(vmid, paths);
  const lower = [...media.values()].filter(({ path }) => isBelow(path, directory)).flatMap(({ uuid }) => chainOf(media, uuid));
  const machines = (await parts.machines.all()).filter((machine) =>
    lower.some(({ path, owner }) => owner.vmid === machine.vmid || isBelow(path, machine.spec.directory)),
  );
  return machines.map((machine) => machine.vmid).filter((other) => other !== vmid);
}

/** Makes the images, and says how linked ones hang together. */
async function makeDisks(
  parts: Parts,
  ctx: DriverContext,
  machine: KnownMachine,
  point: string | null,
  { spec, linked, snapshot }: CloneOptions,
): Promise<LinkedDisks | undefined> {
  const media = await parts.machines.media();
  const state = (await parts.machines.mediaOf(machine)).states.find((candidate) => candidate.snapshot === point);
  const what = snapshot === null ? `VM ${machine.vmid}` : `Snapshot ${snapshot} of VM ${machine.vmid}`;
  if (!state) {
    throw new NakhodaError('snapshot.failed', {
      message: `VirtualBox's file of VM ${machine.vmid} does not tell its disks.`,
      hint: 'Try again.',
    });
  }
  const origins = diskOrigins({ disks: spec.disks, source: machine.spec, state, media, what });
  await refuseOtherSizes(origins, linked);
  const folder = dirname(machineFilePath(spec));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const nvram = nvramPath(machine.folder, state);
  if (spec.firmware === 'uefi' && (await fileExists(nvram))) await copyFile(nvram, join(folder, `${machineName(spec.vmid)}.nvram`));
  if (linked) return linkDisks(folder, origins);
  for (const { disk, chain } of origins) {
    const images = chain.map(({ path }) => path);
    await flattenVdi(images, disk.path, ctx.signal);
  }
  return undefined;
}

/** Two images a disk: one that marks where the clone's own begin and never changes, and the one that is written to. */
async function linkDisks(folder: string, origins: readonly DiskOrigin[]): Promise<LinkedDisks> {
  await mkdir(join(folder, 'Snapshots'), { recursive: true, mode: 0o700 });
  const chains = new Map<string, { uuid: string; path: string }[]>();
  for (const { disk, chain } of origins) {
    const { path, sizeBytes } = disk;
    const [base] = chain;
    const own = { uuid: await writeDifference(path, sizeBytes, base?.path ?? ''), path };
    const uuid = randomUUID();
    const top = { uuid, path: differencePath(folder, uuid) };
    await writeDifference(top.path, sizeBytes, path, uuid);
    chains.set(path, [...chain.toReversed().map((image) => ({ uuid: image.uuid, path: image.path })), own, top]);
  }
  const owners = new Map(origins.flatMap(({ chain }) => chain.slice(-1)).map(({ owner }) => [owner.vmid, owner]));
  return { chains, owners: [...owners.values()] };
}

async function writeDifference(path: string, sizeBytes: number, parentPath: string, uuid?: string): Promise<string> {
  const parent = await readVdiHeader(parentPath);
  if (parent !== null) return writeVdi(path, { sizeBytes, parent, ...(uuid === undefined ? {} : { uuid }) });
  throw new NakhodaError('vm.unsupported', {
    message: `${parentPath} is no VDI image, so nothing can be linked to it.`,
    hint: 'Make a full clone of a VM whose disks are VDI images.',
  });
}

/** @throws NakhodaError `vm.spec-invalid` where a disk is to be smaller; `vm.unsupported` where a linked one is to be larger */
async function refuseOtherSizes(origins: readonly DiskOrigin[], linked: boolean): Promise<void> {
  for (const { disk, chain } of origins) {
    const size = (await readVdiHeader(chain[0]?.path ?? ''))?.sizeBytes ?? 0;
    if (linked && size < disk.sizeBytes) throw noLinkedGrowth(disk.slot, size);
    if (size <= wholeSectors(disk.sizeBytes)) continue;
    throw new NakhodaError('vm.spec-invalid', {
      message: `What is to be cloned into ${disk.slot} has ${size} bytes, more than the ${disk.sizeBytes} that were asked for.`,
      hint: 'Ask for at least what it has.',
    });
  }
}

/** Removes all that there is of a clone, registered or not. */
async function removeClone(parts: Parts, spec: MachineSpec): Promise<void> {
  const known = await parts.machines.find(spec.vmid);
  // Somebody else's meanwhile.
  if (known && known.uuid !== spec.uuid) return;
  if (known) await undefine(parts, undefined, spec.vmid);
  else await removeRemains(parts, undefined, spec);
}

async function dropCopySnapshots(parts: Parts, machine: KnownMachine): Promise<void> {
  for (const { name } of machine.observed?.snapshots ?? []) if (isCopySnapshot(name)) await dropHalfTaken(parts, machine, name);
}

/** Clears up what a daemon that was killed has left of the clones that it was making. */
export async function clearAbandonedClones(parts: Parts): Promise<void> {
  for (const [vmid, { source, spec }] of await parts.clones.abandoned()) {
    parts.log(`clearing up the clone of VM ${source} that an earlier daemon was making`);
    const machine = await parts.machines.find(source);
    if (machine) await dropHalfTaken(parts, machine, copySnapshotName(vmid));
    if (spec) await removeClone(parts, spec);
    await dropUnusedBases(parts, source);
    if (machine) await saveTreesOf(parts, machine);
    await parts.clones.remove(vmid);
  }
}

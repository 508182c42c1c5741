import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { DriverContext, MachineSpec, MachineStatus } from '@nakhoda/driver';
import { writeFileAtomic } from '@nakhoda/host';
import { type Capabilities, NakhodaError } from '@nakhoda/schema';

import { capabilitiesOf } from './capabilities.ts';
import { changeArgs, descriptionArgs, modifyArgs } from './definition-plan.ts';
import type { DefinitionStep } from './definition-plan.ts';
import { existingImages, linkedImages, refuseLinkedGrowth } from './existing-images.ts';
import { needExecution } from './host-facts.ts';
import { machineName, specPath } from './machines.ts';
import type { KnownMachine } from './machines.ts';
import { attachmentArgs } from './nic-plan.ts';
import { forgetOrphans } from './orphan-media.ts';
import type { Parts } from './parts.ts';
import { machineFilePath, register } from './register.ts';
import type { LinkedDisks } from './register.ts';
import { removeImage } from './remove-image.ts';
import { alignSecureBoot } from './secure-boot.ts';
import { heldDisks } from './snapshot-disks.ts';
import { storageSteps } from './storage-plan.ts';
import { validateSpec } from './validate.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';
import { wholeSectors } from './vdi-image.ts';

/**
 * See `Driver.define`.
 * @param linked of a new linked clone: its disks, whose images are there
 */
export async function define(parts: Parts, ctx: DriverContext, spec: MachineSpec, linked?: LinkedDisks): Promise<void> {
  needGoodSpec(spec, capabilitiesOf(parts.hostFacts()));
  needExecution(parts.hostFacts());
  const known = await parts.machines.find(spec.vmid);
  if (known === null) return defineNew(parts, ctx, spec, linked);

  const { status } = await parts.machines.view(known);
  const same = isDeepStrictEqual(known.spec, spec);
  if (known.uuid !== spec.uuid) throw existsOutside(spec);
  if (!isAtRest(status)) {
    if (same) return undefined;
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${spec.vmid} is ${status.state}; its definition can be changed while it is stopped.`,
      hint: 'Stop the VM and try again.',
    });
  }
  if (same && (await parts.defined.hold(spec))) return undefined;
  return redefine(parts, ctx, known, spec);
}

/** @throws NakhodaError `vm.spec-invalid` with all that is wrong */
export function needGoodSpec(spec: MachineSpec, capabilities: Capabilities): void {
  const problems = validateSpec(spec, capabilities);
  const [first] = problems;
  if (!first) return;
  throw new NakhodaError('vm.spec-invalid', {
    message: problems.map((problem) => problem.message).join(' '),
    hint: first.hint,
    details: { problems },
  });
}

/** True when no process of the VM is left: a crashed one may still have its front end. */
export function isAtRest(status: MachineStatus): boolean {
  return status.pid === undefined && ['stopped', 'crashed', 'unknown'].includes(status.state);
}

async function defineNew(parts: Parts, ctx: DriverContext, spec: MachineSpec, linked?: LinkedDisks): Promise<void> {
  const registered = await parts.machines.registeredFile(spec);
  const ours = registered?.uuid === spec.uuid && dirname(dirname(registered.file)) === spec.directory;
  if (registered && !ours) throw existsOutside(spec);

  const made: string[] = [];
  await orUndo(
    parts,
    async () => {
      await mkdir(spec.directory, { recursive: true, mode: 0o700 });
      await mkdir(spec.runtimeDirectory, { recursive: true, mode: 0o700 });
      await writeFileAtomic(specPath(spec.directory), JSON.stringify(spec, null, 2));
      const rest = registered ? modifyArgs(spec) : await register(parts, ctx.signal, spec, made, linked);
      if (rest !== null) await parts.vbox.run(rest, { lanes: [vmLane(spec.vmid)], signal: ctx.signal });
      await applyStorage(parts, ctx.signal, spec, made);
      await alignSecureBoot(parts, ctx.signal, spec);
      await parts.defined.note(spec);
    },
    async () => {
      await forgetMachine(parts, spec);
      for (const path of made) await removeImage(parts, spec.vmid, path);
      await rm(specPath(spec.directory), { force: true });
    },
  );
}

/** Runs `work`; when it fails, `undo`, whose own failure is logged so that the first error is the one that is told. */
async function orUndo(parts: Parts, work: () => Promise<void>, undo: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await undo().catch((second: unknown) => parts.log(`undoing a failed definition: ${String(second)}`));
    throw error;
  }
}

/** Unregisters a VM, and removes its folder. Its images outside that folder stay. */
export async function forgetMachine(parts: Parts, spec: MachineSpec): Promise<void> {
  const registered = await parts.machines.registeredFile(spec);
  if (registered?.uuid === spec.uuid) await parts.vbox.run(['unregistervm', spec.uuid], { lanes: [vmLane(spec.vmid), mediaLane] });
  await rm(dirname(machineFilePath(spec)), { recursive: true, force: true });
}

async function redefine(parts: Parts, ctx: DriverContext, known: KnownMachine, spec: MachineSpec): Promise<void> {
  await forgetOrphans(parts, known);
  if (known.observed?.savedState) {
    await redefineSaved(parts, ctx, known, spec);
    return;
  }
  const before = known.spec;
  await refuseDiskChanges(parts, known, spec);
  const made: string[] = [];
  await orUndo(
    parts,
    () => applySettings(parts, ctx.signal, { before, spec }, made),
    async () => {
      await applySettings(parts, undefined, { before: spec, spec: await withGrownDisks(before) }, made);
      for (const path of made) await removeImage(parts, spec.vmid, path);
    },
  );
}

/**
 * Brings a registered machine that does not run, and has no saved memory, in line with the spec, and puts that on record.
 * @param change.before what it is so far; of an adopted machine only what differs is set, for the rest is its user's
 * @param made gets the images that it makes
 */
export async function applySettings(
  parts: Parts,
  signal: AbortSignal | undefined,
  { before, spec }: { before: MachineSpec; spec: MachineSpec },
  made: string[],
): Promise<void> {
  await recordSpec(spec);
  const args = spec.found ? changeArgs(before, spec) : modifyArgs(spec);
  if (args.length > 2) await parts.vbox.run(args, { lanes: [vmLane(spec.vmid)], ...(signal ? { signal } : {}) });
  await applyStorage(parts, signal, spec, made);
  // Of an adopted machine's variable store only what is ordered is changed.
  const ordered = before.secureBoot !== spec.secureBoot || before.firmware !== spec.firmware;
  if (!spec.found || ordered) await alignSecureBoot(parts, signal, spec);
}

/** Writes down what the machine is to be. */
export async function recordSpec(spec: MachineSpec): Promise<void> {
  await writeFileAtomic(specPath(spec.directory), JSON.stringify(spec, null, 2));
}

/** Disks that were grown before something failed stay so: they are never cut. */
async function withGrownDisks(spec: MachineSpec): Promise<MachineSpec> {
  const sizes = await existingImages(spec.disks);
  return { ...spec, disks: spec.disks.map((disk) => ({ ...disk, sizeBytes: Math.max(disk.sizeBytes, sizes.get(disk.path) ?? 0) })) };
}

/** @throws NakhodaError `vm.spec-invalid` when a disk is to become smaller; `vm.unsupported`; `snapshot.uses-disk` when a snapshot may have one that is to go or to grow */
async function refuseDiskChanges(parts: Parts, known: KnownMachine, spec: MachineSpec): Promise<void> {
  const { spec: before } = known;
  const held = (await heldDisks(parts, known, before.disks)).map(({ path }) => path);
  const sizes = await existingImages(spec.disks);
  await refuseLinkedGrowth(spec.disks);
  for (const { slot, path, sizeBytes } of spec.disks) {
    const size = sizes.get(path) ?? null;
    if (size === null) continue;
    if (size > wholeSectors(sizeBytes)) {
      throw new NakhodaError('vm.spec-invalid', {
        message: `The image of ${slot} has ${size} bytes, and is not made smaller: ${sizeBytes} bytes were asked for.`,
        hint: 'Ask for at least what it has.',
      });
    }
    if (held.includes(path) && size < sizeBytes) throw usesDisk(slot);
  }
  const gone = before.disks.filter((disk) => !spec.disks.some(({ slot, path }) => slot === disk.slot && path === disk.path));
  const lost = gone.find(({ path }) => held.includes(path));
  if (lost) throw usesDisk(lost.slot);
}

/** What is told of a disk that a snapshot may have. */
export function usesDisk(what: string): NakhodaError {
  return new NakhodaError('snapshot.uses-disk', {
    message: `A snapshot or a linked clone has ${what}, and VirtualBox lets it neither go nor grow.`,
    hint: "Delete the VM's snapshots and linked clones first.",
  });
}

/** While memory is saved, the machine must stay what that memory expects; only the host's side of its NICs may move. */
async function redefineSaved(parts: Parts, ctx: DriverContext, known: KnownMachine, spec: MachineSpec): Promise<void> {
  const others = (machine: MachineSpec): string =>
    JSON.stringify({ ...machine, nics: machine.nics.map(({ slot, mac }) => ({ slot, mac })) });
  if (others(known.spec) !== others(spec)) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${spec.vmid} is to go on from saved memory, so its hardware cannot be changed.`,
      hint: 'Start the VM and shut it down, then change it.',
    });
  }
  await alignNics(parts, ctx.signal, spec);
  await recordSpec(spec);
}

/**
 * Ties the NICs to the host's side of today, whatever VirtualBox has recorded: a snapshot brings back the one of its
 * day. Waits, by way of the retries, until VirtualBox has let go of the VM's last run.
 */
export async function alignNics(parts: Parts, signal: AbortSignal | undefined, spec: MachineSpec): Promise<void> {
  const args = ['modifyvm', spec.uuid, ...(spec.found ? [] : descriptionArgs(spec)), ...attachmentArgs(spec.nics, spec.found)];
  if (args.length === 2) return;
  await parts.vbox.run(args, { lanes: [vmLane(spec.vmid)], ...(signal ? { signal } : {}) });
}

async function planStorage(parts: Parts, spec: MachineSpec): Promise<DefinitionStep[]> {
  const known = await parts.machines.need(spec.vmid);
  const linked = await linkedImages(parts.machines, known.observed, spec.disks);
  return storageSteps(spec, { observed: known.observed, existingImages: await existingImages(spec.disks), linkedImages: linked });
}

/** Adds the images that it makes to `made`, before it makes them: VirtualBox may leave the file when it fails. */
async function applyStorage(parts: Parts, signal: AbortSignal | undefined, spec: MachineSpec, made: string[]): Promise<void> {
  await parts.account.prepare(spec);
  for (const step of await planStorage(parts, spec)) {
    if (step.makes !== undefined) made.push(step.makes);
    await runStep(parts, signal, spec, step);
  }
}

/** Runs one planned call in its queues. */
export async function runStep(parts: Parts, signal: AbortSignal | undefined, spec: MachineSpec, step: DefinitionStep): Promise<void> {
  const lanes = step.media ? [vmLane(spec.vmid), mediaLane] : [vmLane(spec.vmid)];
  await parts.vbox.run(step.args, { lanes, ...(signal ? { signal } : {}) });
}

/** What is told of a machine that is in the way. */
export function existsOutside(spec: MachineSpec): NakhodaError {
  return new NakhodaError('vm.exists-outside', {
    message: `VirtualBox has another machine named ${machineName(spec.vmid)}, or of UUID ${spec.uuid}, that this VM is not.`,
    hint: `Look at it with VBoxManage showvminfo ${machineName(spec.vmid)}, and unregister it if nobody needs it.`,
  });
}

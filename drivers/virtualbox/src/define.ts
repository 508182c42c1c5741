import { access, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { DriverContext, MachineSpec, MachineStatus } from '@nakhoda/driver';
import { writeFileAtomic } from '@nakhoda/host';
import { type Capabilities, NakhodaError } from '@nakhoda/schema';

import { capabilitiesOf } from './capabilities.ts';
import { clearRun } from './clear-run.ts';
import { changeArgs, descriptionArgs, modifyArgs } from './definition-plan.ts';
import type { DefinitionStep } from './definition-plan.ts';
import { existingImages } from './existing-images.ts';
import { readAdoption, removeAdoption } from './foreign/adoption-record.ts';
import { restoreOwners } from './foreign/owned-tree.ts';
import { self } from './foreign/take.ts';
import { needExecution } from './host-facts.ts';
import { machineName, specPath } from './machines.ts';
import type { KnownMachine } from './machines.ts';
import { attachmentArgs } from './nic-plan.ts';
import type { Parts } from './parts.ts';
import { machineFilePath, register } from './register.ts';
import { removeRuntimeFiles } from './run-paths.ts';
import { alignSecureBoot } from './secure-boot.ts';
import { storageSteps } from './storage-plan.ts';
import { validateSpec } from './validate.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';
import { wholeSectors } from './vdi-image.ts';
import { vdiSize } from './vdi-size.ts';

/** See `Driver.define`. */
export async function define(parts: Parts, ctx: DriverContext, spec: MachineSpec): Promise<void> {
  needGoodSpec(spec, capabilitiesOf(parts.hostFacts()));
  needExecution(parts.hostFacts());
  const known = await parts.machines.find(spec.vmid);
  if (known === null) return defineNew(parts, ctx, spec);

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
function isAtRest(status: MachineStatus): boolean {
  return status.pid === undefined && ['stopped', 'crashed', 'unknown'].includes(status.state);
}

async function defineNew(parts: Parts, ctx: DriverContext, spec: MachineSpec): Promise<void> {
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
      const rest = registered ? modifyArgs(spec) : await register(parts, ctx.signal, spec, made);
      if (rest !== null) await parts.vbox.run(rest, { lanes: [vmLane(spec.vmid)], signal: ctx.signal });
      await applyStorage(parts, ctx.signal, spec, made);
      await alignSecureBoot(parts, ctx.signal, spec);
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
  if (known.observed?.savedState) {
    await redefineSaved(parts, ctx, known, spec);
    return;
  }
  const before = known.spec;
  await refuseDiskChanges(known, spec);
  const made: string[] = [];
  const apply = async (from: MachineSpec, wanted: MachineSpec, signal?: AbortSignal): Promise<void> => {
    await writeFileAtomic(specPath(wanted.directory), JSON.stringify(wanted, null, 2));
    const args = wanted.found ? changeArgs(from, wanted) : modifyArgs(wanted);
    if (args.length > 2) await parts.vbox.run(args, { lanes: [vmLane(wanted.vmid)], ...(signal ? { signal } : {}) });
    await applyStorage(parts, signal, wanted, made);
    // An adopted machine's variable store is its user's.
    if (!wanted.found) await alignSecureBoot(parts, signal, wanted);
  };
  await orUndo(
    parts,
    () => apply(before, spec, ctx.signal),
    async () => {
      await apply(spec, await withGrownDisks(before));
      for (const path of made) await removeImage(parts, spec.vmid, path);
    },
  );
}

/** Disks that were grown before something failed stay so: they are never cut. */
async function withGrownDisks(spec: MachineSpec): Promise<MachineSpec> {
  const size = async (path: string): Promise<number> => ((await exists(path)) ? ((await vdiSize(path)) ?? 0) : 0);
  const disks = spec.disks.map(async (disk) => ({ ...disk, sizeBytes: Math.max(disk.sizeBytes, await size(disk.path)) }));
  return { ...spec, disks: await Promise.all(disks) };
}

/** @throws NakhodaError `vm.spec-invalid` when a disk is to become smaller; `snapshot.uses-disk` when a snapshot may have one that is to go or to grow */
async function refuseDiskChanges({ observed, spec: before }: KnownMachine, spec: MachineSpec): Promise<void> {
  const held = (observed?.snapshots ?? []).length > 0;
  for (const { slot, path, sizeBytes } of spec.disks) {
    const size = (await exists(path)) ? await vdiSize(path) : null;
    if (size === null) continue;
    if (size > wholeSectors(sizeBytes)) {
      throw new NakhodaError('vm.spec-invalid', {
        message: `The image of ${slot} has ${size} bytes, and is not made smaller: ${sizeBytes} bytes were asked for.`,
        hint: 'Ask for at least what it has.',
      });
    }
    if (held && size < sizeBytes) throw usesDisk(slot);
  }
  const gone = before.disks.find((disk) => !spec.disks.some(({ slot, path }) => slot === disk.slot && path === disk.path));
  if (held && gone) throw usesDisk(gone.slot);
}

function usesDisk(what: string): NakhodaError {
  return new NakhodaError('snapshot.uses-disk', {
    message: `The VM has snapshots, and VirtualBox lets ${what} neither go nor grow as long as one may have it.`,
    hint: "Delete the VM's snapshots first.",
  });
}

/** See `Driver.deleteImage`. */
export async function deleteImage(parts: Parts, vmid: number, path: string): Promise<void> {
  const { observed, spec } = await parts.machines.need(vmid);
  if (spec.disks.some((disk) => disk.path === path)) {
    throw new NakhodaError('vm.wrong-state', { message: `VM ${vmid} has the disk ${path} still.`, hint: 'Take it from the VM first.' });
  }
  if (dirname(path) !== spec.directory || !(await exists(path))) return;
  if ((observed?.snapshots ?? []).length > 0) throw usesDisk(path);
  await removeImage(parts, vmid, path);
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
  await writeFileAtomic(specPath(spec.directory), JSON.stringify(spec, null, 2));
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
  return storageSteps(spec, { observed: known.observed, existingImages: await existingImages(spec.disks) });
}

/** Adds the images that it makes to `made`, before it makes them: VirtualBox may leave the file when it fails. */
async function applyStorage(parts: Parts, signal: AbortSignal | undefined, spec: MachineSpec, made: string[]): Promise<void> {
  for (const step of await planStorage(parts, spec)) {
    if (step.makes !== undefined) made.push(step.makes);
    await runStep(parts, signal, spec, step);
  }
}

/** Deletes an image, and has VirtualBox forget it. */
export async function removeImage(parts: Parts, vmid: number, path: string): Promise<void> {
  if (!(await exists(path))) return;
  const close = parts.vbox.run(['closemedium', 'disk', path], { lanes: [vmLane(vmid), mediaLane] });
  // An image that VirtualBox does not know, or that is still in a drive which goes with the VM, is closed already.
  await close.catch((error: unknown) => parts.log(`closing ${path}: ${String(error)}`));
  await rm(path, { force: true });
}

/** Runs one planned call in its queues. */
export async function runStep(parts: Parts, signal: AbortSignal | undefined, spec: MachineSpec, step: DefinitionStep): Promise<void> {
  const lanes = step.media ? [vmLane(spec.vmid), mediaLane] : [vmLane(spec.vmid)];
  await parts.vbox.run(step.args, { lanes, ...(signal ? { signal } : {}) });
}

/** See `Driver.undefine`. */
export async function undefine(parts: Parts, ctx: DriverContext, vmid: number): Promise<void> {
  const known = await parts.machines.find(vmid);
  if (known === null) return;
  const { status, run } = await parts.machines.view(known);
  if (!isAtRest(status)) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${vmid} is ${status.state} and cannot be removed.`,
      hint: 'Stop the VM first.',
    });
  }
  await clearRun(parts, known, run);
  // With its images: the differencing ones of snapshots are known to VirtualBox alone.
  const args = ['unregistervm', known.uuid, ...(known.observed === null ? [] : ['--delete'])];
  await parts.vbox.run(args, { lanes: [vmLane(vmid), mediaLane], timeoutMs: 120_000, signal: ctx.signal });
  await rm(known.folder, { recursive: true, force: true });
  // What is left is an image that was never attached, which VirtualBox would go on holding under its path.
  for (const disk of known.spec.disks) await removeImage(parts, vmid, disk.path);
  // Likewise those of disks that the VM had once.
  const { directory } = known.spec;
  const kept = (await readdir(directory).catch(() => [])).filter((file) => /^disk-?\d+\.vdi$/u.test(file));
  for (const file of kept) await removeImage(parts, vmid, join(directory, file));
  if (known.spec.found) await letGoOfFolder(parts, ctx, known.spec);
  await removeRuntimeFiles(known.spec.runtimeDirectory);
  await rm(specPath(known.spec.directory), { force: true });
  for (const folder of [known.spec.directory, known.spec.runtimeDirectory]) await removeIfEmpty(folder);
}

/** What is left in the folder of an adopted VM's user, now that the VM and its disks are gone, is that user's again. */
async function letGoOfFolder(parts: Parts, ctx: DriverContext, { vmid, directory }: MachineSpec): Promise<void> {
  const record = await readAdoption(directory);
  if (record !== null) {
    await rm(record.keptFile, { force: true });
    for (const left of await restoreOwners(record.entries, record.folder, self())) ctx.log(`Left as it is: ${left}`);
  }
  await removeAdoption(directory);
  await parts.folders.remove(vmid);
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    // Somebody else's file in it, or gone already: both are none of the driver's business.
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export function existsOutside(spec: MachineSpec): NakhodaError {
  return new NakhodaError('vm.exists-outside', {
    message: `VirtualBox has another machine named ${machineName(spec.vmid)}, or of UUID ${spec.uuid}, that this VM is not.`,
    hint: `Look at it with VBoxManage showvminfo ${machineName(spec.vmid)}, and unregister it if nobody needs it.`,
  });
}

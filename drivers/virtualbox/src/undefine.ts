import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { clearRun } from './clear-run.ts';
import { isAtRest } from './define.ts';
import { adoptedRemains } from './foreign/adopted-remains.ts';
import { readAdoption, removeAdoption } from './foreign/adoption-record.ts';
import { restoreOwners } from './foreign/owned-tree.ts';
import { self } from './foreign/take.ts';
import { specPath } from './machines.ts';
import type { KnownMachine } from './machines.ts';
import { foreignGrowth, isBelow, isBeside } from './media-tree.ts';
import type { Parts } from './parts.ts';
import { machineFilePath } from './register.ts';
import { removeImage } from './remove-image.ts';
import { removeRuntimeFiles } from './run-paths.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/** See `Driver.undefine`. */
export async function undefine(parts: Parts, signal: AbortSignal | undefined, vmid: number): Promise<void> {
  const known = await parts.machines.find(vmid);
  if (known === null) {
    // What could not be cleared up of a clone that failed.
    const { spec } = (await parts.clones.read(vmid)) ?? {};
    if (spec) await removeRemains(parts, signal, spec);
    await parts.clones.forgetMachine(vmid);
    return;
  }
  const { status, run } = await parts.machines.view(known);
  if (!isAtRest(status)) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${vmid} is ${status.state} and cannot be removed.`,
      hint: 'Stop the VM first.',
    });
  }
  await refuseGrown(parts, known);
  await clearRun(parts, known, run);
  await removeRemains(parts, signal, known.spec, known);
  await parts.clones.forgetMachine(vmid);
}

/** @throws NakhodaError `vm.wrong-state` when linked clones grow from its images */
async function refuseGrown(parts: Parts, { vmid, spec }: KnownMachine): Promise<void> {
  const paths = spec.disks.map(({ path }) => path);
  const media = await parts.machines.mediaAround(vmid, paths);
  const { directory } = spec;
  // A linked clone's own images are listed by another machine; an adopted machine's lie elsewhere.
  const own = [...media.values()].filter(({ path, owner }) =>
    owner.vmid === vmid ? !isBeside(path, directory) : isBelow(path, directory),
  );
  const uuids = own.map(({ uuid }) => uuid);
  const foreign = foreignGrowth(media, uuids, directory);
  if (foreign === undefined) return;
  throw new NakhodaError('vm.wrong-state', {
    message: `VM ${vmid} is not removed: ${foreign.path}, of a linked clone, grows from its disks.`,
    hint: 'Delete its linked clones first.',
  });
}

/** Removes what there is of a machine: its registration, its images, and all that the driver keeps beside them. */
export async function removeRemains(
  parts: Parts,
  signal: AbortSignal | undefined,
  spec: MachineSpec,
  known?: Pick<KnownMachine, 'folder' | 'observed'>,
): Promise<void> {
  const { vmid, uuid, directory, runtimeDirectory } = spec;
  const readable = known === undefined || known.observed !== null;
  if ((await parts.machines.registeredFile(spec))?.uuid === uuid) {
    // Before the machine is unregistered: whoever is interrupted finds it, and what is left of it, the next time.
    const remains = spec.found && readable ? await adoptedRemains(machineFilePath(spec)) : null;
    for (const path of remains ?? []) await rm(path, { force: true });
    // With its images: the differencing ones of snapshots are known to VirtualBox alone.
    const args = ['unregistervm', uuid, ...(readable && remains === null ? ['--delete'] : [])];
    await parts.vbox.run(args, { lanes: [vmLane(vmid), mediaLane], timeoutMs: 120_000, ...(signal ? { signal } : {}) });
  }
  // What is left are images that were never attached, which VirtualBox would go on holding under their paths, those of
  // disks that the VM had once, and the lowest of a linked clone's.
  const files = (await readdir(directory).catch(() => [])).filter((file) => /^disk-?\d+\.vdi$/u.test(file));
  const kept = [...spec.disks.map(({ path }) => path), ...files.map((file) => join(directory, file))];
  for (const path of new Set(kept)) await removeImage(parts, vmid, path);
  await rm(known?.folder ?? dirname(machineFilePath(spec)), { recursive: true, force: true });
  if (spec.found) await letGoOfFolder(parts, spec);
  await removeRuntimeFiles(runtimeDirectory);
  await rm(specPath(directory), { force: true });
  for (const folder of [directory, runtimeDirectory]) await removeIfEmpty(folder);
}

/** What is left in the folder of an adopted VM's user, now that the VM and its disks are gone, is that user's again. */
async function letGoOfFolder(parts: Parts, { vmid, directory }: MachineSpec): Promise<void> {
  const record = await readAdoption(directory);
  if (record !== null) {
    await rm(record.keptFile, { force: true });
    for (const left of await restoreOwners(record.entries, record.folder, self())) parts.log(`VM ${vmid}: left as it is: ${left}`);
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

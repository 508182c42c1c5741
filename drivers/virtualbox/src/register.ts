import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { writeFileAtomic, fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { createStep, modifyArgs } from './definition-plan.ts';
import { modeExtraData } from './front-end.ts';
import { needExecution } from './host-facts.ts';
import type { DocumentMedium } from './document-disk.ts';
import { saveTree } from './linked-tree.ts';
import { machineDocument } from './machine-document.ts';
import type { DocumentDrive } from './machine-document.ts';
import { machineName } from './machines.ts';
import type { Parts } from './parts.ts';
import { flushExtraData, planControllers, planDrives } from './storage-plan.ts';
import type { PlannedDrive } from './storage-plan.ts';
import { canWriteVdi, readVdiUuid, writeVdi } from './vdi-image.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/** Registrations under way at a time. VirtualBox's service does one after the other; the rest of a call needs no turn. */
const registrationsAtOnce = 4;

/** The disks of a linked clone. */
export interface LinkedDisks {
  /** By a disk's path: the images that it consists of, the lowest first; the last is the one in the drive. */
  chains: ReadonlyMap<string, readonly DocumentMedium[]>;
  /** The machines in whose files VirtualBox keeps those trees. */
  owners: readonly { vmid: number; uuid: string }[];
}

/** Where a VM's `.vbox` file lies: in the folder that VirtualBox would have made for it. */
export function machineFilePath(spec: Pick<MachineSpec, 'vmid' | 'directory'>): string {
  const name = machineName(spec.vmid);
  return join(spec.directory, name, `${name}.vbox`);
}

/**
 * Makes VirtualBox know a new machine: its missing disks and its whole `.vbox` file are written here, and one call
 * registers them (decision 0009). Adds the images that it makes to `made`, before it makes them.
 * @param linked the disks of a linked clone, whose images are there
 * @returns the call of `modifyvm` that is left to do, or null when the file said it all
 */
export async function register(
  parts: Parts,
  signal: AbortSignal,
  spec: MachineSpec,
  made: string[],
  linked: LinkedDisks = { chains: new Map(), owners: [] },
): Promise<string[] | null> {
  const { mode } = needExecution(parts.hostFacts());
  const planned = planDrives(spec);
  const drives: (DocumentDrive | null)[] = [];
  // One after the other: when one fails, no other is still being made behind the undoing's back.
  for (const drive of planned) drives.push(linkedDrive(drive, linked) ?? (await documentDrive(parts, spec, drive, made)));
  const args = modifyArgs(spec);
  const document = machineDocument({
    uuid: spec.uuid,
    name: machineName(spec.vmid),
    modifyArgs: args.slice(2),
    controllers: planControllers(spec),
    // What cannot be written here is attached after the registration.
    drives: drives.filter((drive) => drive !== null),
    extraData: { ...modeExtraData(mode), ...flushExtraData(spec) },
    now: new Date().toISOString(),
  });
  const path = machineFilePath(spec);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, document.xml);
  await parts.account.prepare(spec);
  try {
    const lanes = [vmLane(spec.vmid), `register ${spec.vmid % registrationsAtOnce}`];
    await parts.vbox.run(['registervm', path], { lanes, signal });
  } catch (error) {
    if (!(error instanceof NakhodaError) || error.code !== 'hypervisor.failed') throw error;
    // The service may have carried out an order that it had not answered in time.
    const registered = await parts.machines.registeredFile(spec);
    if (registered?.uuid === spec.uuid) return args;
    // Only by its file can it have disks that grow from those that another machine has.
    if (linked.owners.length > 0) throw error;
    parts.log(`VirtualBox did not take the file of VM ${spec.vmid} and is told step by step instead: ${error.message}`);
    await rm(dirname(path), { recursive: true, force: true });
    const { args: create } = createStep(spec, machineName(spec.vmid));
    await parts.vbox.run(create, { lanes: [vmLane(spec.vmid), mediaLane], signal });
    return args;
  }
  for (const owner of linked.owners) await saveTree(parts, owner);
  return document.rest.length === 0 ? null : ['modifyvm', spec.uuid, ...document.rest];
}

function linkedDrive(drive: PlannedDrive, { chains }: LinkedDisks): DocumentDrive | null {
  const chain = drive.path === null ? undefined : chains.get(drive.path);
  const medium = chain?.at(-1);
  return medium === undefined ? null : { plan: drive, medium: { ...medium, parents: chain?.slice(0, -1) ?? [] } };
}

/** The drive with its medium's UUID; null for a medium whose UUID is not known here. */
async function documentDrive(parts: Parts, spec: MachineSpec, drive: PlannedDrive, made: string[]): Promise<DocumentDrive | null> {
  const { type, path } = drive;
  if (path === null) return { plan: drive, medium: null };
  // An ISO image that is not there is refused by VirtualBox when it is attached.
  const uuid = type === 'DVD' ? (await fileExists(path)) && (await imageUuid(parts, path)) : await diskUuid(spec, path, made);
  return uuid === null || uuid === false ? null : { plan: drive, medium: { uuid, path } };
}

async function diskUuid(spec: MachineSpec, path: string, made: string[]): Promise<string | null> {
  if (await fileExists(path)) return readVdiUuid(path);
  const disk = spec.disks.find((candidate) => candidate.path === path);
  if (disk === undefined || !canWriteVdi(disk)) return null;
  made.push(path);
  try {
    return await writeVdi(path, { sizeBytes: disk.sizeBytes });
  } catch (error) {
    throw new NakhodaError('storage.failed', {
      message: `The disk ${disk.slot} of VM ${spec.vmid} could not be made: ${(error as Error).message}`,
      hint: 'Look whether the storage is full or cannot be written to, then try again.',
      cause: error,
    });
  }
}

/**
 * VirtualBox knows each image by one path and one UUID, over all VMs. An ISO image has none of its own: the one that
 * VirtualBox gave it, or one from its path.
 */
async function imageUuid(parts: Parts, path: string): Promise<string> {
  const known = await parts.machines.imageUuid(path);
  if (known !== null) return known;
  const hex = createHash('sha256').update(path).digest('hex');
  // The bits that say: version 8 (custom), variant 1 (RFC 9562).
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

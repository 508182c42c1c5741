import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { type ProcessRef, readJsonFile, type StagedFile, stageFile, writeFileAtomic } from '@nakhoda/host';
import type { Execution } from '@nakhoda/schema';

import type { BaseImages, DiskPlaces } from './layers.ts';
import { machinePaths } from './machine-paths.ts';

/** `machine.json`: a defined VM. */
export interface MachineRecord {
  format: 1;
  spec: MachineSpec;
  /** The virtual hardware's version, e.g. `pc-q35-7.2`; stays when QEMU is upgraded, so that the guest sees no other. */
  machineType: string;
  /** Disk images that this driver made, or was about to make; deleted with the VM. */
  madeDisks: string[];
  /** Of a linked clone: other VMs' images that its own lie on. Written before its own are made, so that they are held. */
  base?: BaseImages;
  /** Of a machine whose images `clone` makes or has made, until `define` takes them. */
  clone?: CloneRecord;
}

export interface CloneRecord {
  /** The VM that it is made from. */
  source: number;
  /** Images of the source's that are being read: they must stay as they are. Null when all is there. */
  reading: string[] | null;
}

/** Where the images of a machine are. */
export function placesOf({ spec, base = {} }: Pick<MachineRecord, 'spec' | 'base'>): DiskPlaces {
  return { directory: spec.directory, disks: spec.disks, base };
}

/** What this machine needs of other VMs' images, as they are. */
export function neededImages({ base = {}, clone }: Pick<MachineRecord, 'base' | 'clone'>): string[] {
  return [...Object.values(base).flatMap((images) => images.map(({ path }) => path)), ...(clone?.reading ?? [])];
}

/** `process.json`: the present run, or how the last one did not go as ordered. There is none after an orderly end. */
export type BootRecord =
  /** QEMU is about to be spawned: a process may be there whose id could not be written down any more. */
  { kind: 'launching'; at: string } | RunRecord | { kind: 'failed'; reason: string; at: string };

export interface RunRecord {
  kind: 'run';
  process: ProcessRef;
  /** Its parent, which puts its end on record; absent in runs of older versions. */
  supervisor?: ProcessRef;
  /** Control groups of this VM alone. */
  cgroups?: string[];
  /** The process that is its TPM, where it has one. */
  tpm?: ProcessRef;
  argv: string[];
  /** Nodes of the host's devices that it alone has. */
  hostNodes?: string[];
  /** MiB that it was powered on with; absent in runs of older versions, where it is the whole memory. */
  baseMemoryMiB?: number;
  execution: Execution;
  startedAt: string;
  /** Until its processors run for the first time, a process is a leftover unless its daemon still works on it. */
  begun: boolean;
  /** It has the memory of a suspended guest, and is about to run: then it is no leftover. */
  loaded?: boolean;
  /** Its guest could not go on, and is kept for a look: then it counts as paused. */
  held?: boolean;
  /** Written before QEMU is told to go, so that its end is not taken for a crash. */
  ending: 'shutdown' | 'poweroff' | null;
}

export async function readMachineRecord(directory: string): Promise<MachineRecord | null> {
  const record = await readJsonFile<MachineRecord>(join(directory, 'machine.json'));
  // Fields that an earlier version did not know.
  return record?.format === 1 ? { ...record, spec: { ...{ memoryMaxMiB: 0 }, ...record.spec } } : null;
}

export async function writeMachineRecord(record: MachineRecord): Promise<void> {
  await writeFileAtomic(machinePaths(record.spec).record, `${JSON.stringify(record, null, 2)}\n`);
}

export async function readBootRecord(spec: MachineSpec): Promise<BootRecord | null> {
  return readJsonFile<BootRecord>(machinePaths(spec).boot);
}

export async function writeBootRecord(spec: MachineSpec, boot: BootRecord | null): Promise<void> {
  const path = machinePaths(spec).boot;
  if (boot === null) await rm(path, { force: true });
  else await writeFileAtomic(path, bootText(boot));
}

/** What the record will be next, so that it takes no time then. It is not synced: a power cut ends the run as well. */
export async function stageBootRecord(spec: MachineSpec, boot: BootRecord): Promise<StagedFile> {
  return stageFile(machinePaths(spec).boot, bootText(boot));
}

function bootText(boot: BootRecord): string {
  return `${JSON.stringify(boot, null, 2)}\n`;
}

/** The records of all VMs below the folder; `unreadable` are told about, not stumbled over. */
export async function findMachineRecords(imagesDirectory: string): Promise<{ records: MachineRecord[]; unreadable: string[] }> {
  const folders = await readdir(imagesDirectory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const records: MachineRecord[] = [];
  const unreadable: string[] = [];
  for (const folder of folders) {
    if (!folder.isDirectory()) continue;
    const directory = join(imagesDirectory, folder.name);
    try {
      const record = await readMachineRecord(directory);
      if (record) records.push(record);
    } catch (error) {
      unreadable.push(`${directory}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { records, unreadable };
}

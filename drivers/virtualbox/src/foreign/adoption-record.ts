import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { readJsonFile } from '@nakhoda/host';

import type { OwnedEntry } from './owned-tree.ts';

/** What the way back of an adoption needs, in `adoption.json`; beside it lie the user's own two files, byte for byte. */
export interface AdoptionRecord {
  user: string;
  uid: number;
  gid: number;
  settings: string;
  registry: { path: string; mode: number; gid: number; modifiedAt: number };
  /** The machine's line in it. */
  entry: string;
  uuid: string;
  name: string;
  /** The machine's settings file, and what it is called while the VM is ours. */
  file: string;
  keptFile: string;
  folder: string;
  /** Where its store of variables (UEFI, TPM) lies, if it has one. An adoption of an earlier version does not say. */
  store?: string;
  entries: OwnedEntry[];
}

export function adoptionPaths(
  directory: string,
): Record<'folder' | 'record' | 'machine' | 'registry' | 'returned' | 'returnedStore', string> {
  const folder = join(directory, 'adoption');
  return {
    folder,
    record: join(folder, 'adoption.json'),
    machine: join(folder, 'machine.vbox'),
    registry: join(folder, 'VirtualBox.xml'),
    returned: join(folder, 'returned.vbox'),
    returnedStore: join(folder, 'returned.nvram'),
  };
}

/** Null when nothing was kept: then nothing was taken either. */
export function readAdoption(directory: string): Promise<AdoptionRecord | null> {
  return readJsonFile<AdoptionRecord>(adoptionPaths(directory).record);
}

export async function removeAdoption(directory: string): Promise<void> {
  await rm(adoptionPaths(directory).folder, { recursive: true, force: true });
}

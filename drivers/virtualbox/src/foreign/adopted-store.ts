import { rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { fileExists, writeFileAtomic } from '@nakhoda/host';

import { machineFilePath } from '../register.ts';
import type { AdoptionRecord } from './adoption-record.ts';
import { machineDetails } from './machine-details.ts';
import { mostStoreBytes, storePath } from './machine-files.ts';
import { readGuarded } from './read-guarded.ts';
import { replaceFile, self } from './take.ts';

/**
 * The store of UEFI's variables and of the TPM's memory. An adopted machine works on a copy beside its file of ours, as
 * every machine of ours does; those of its snapshots stay with its user's. A release puts the copy in the place of the
 * user's store.
 */
export function machineStore(spec: MachineSpec): string {
  const file = machineFilePath(spec);
  return join(dirname(file), `${basename(file, '.vbox')}.nvram`);
}

/** The user's store as the machine's. @param owner whose it is by now */
export async function copyStore({ store }: Pick<AdoptionRecord, 'store'>, target: string, owner: { uid: number }): Promise<void> {
  if (store === undefined || !(await fileExists(store))) return;
  const { content } = await readGuarded(store, { uid: owner.uid, mostBytes: mostStoreBytes });
  await writeFileAtomic(target, content);
}

/** Keeps the store as the machine has it now for the user, before the machine's folder goes. Nothing where it has none. @param owner whose it is */
export async function keepStore(file: string, present: string, target: string, owner: { uid: number }): Promise<void> {
  const details = machineDetails(present);
  await rm(target, { force: true });
  if (details === null || details === 'encrypted') return;
  const path = resolve(dirname(file), storePath(details, file));
  if (!(await fileExists(path))) return;
  const { content } = await readGuarded(path, { uid: owner.uid, mostBytes: mostStoreBytes });
  await writeFileAtomic(target, content);
}

/** Gives the user what was kept, in the place of the user's own. */
export async function returnStore(record: AdoptionRecord, kept: string): Promise<void> {
  if (!(await fileExists(kept))) return;
  const path = record.store ?? storePath({ store: null }, record.file);
  const { content } = await readGuarded(kept, { uid: self().uid, mostBytes: mostStoreBytes });
  await replaceFile(path, content, ownerOf(record, path));
}

/** Owner and mode of a file of the user's as they were; of one that was not there, as those of the settings file. */
export function ownerOf({ entries, file, uid, gid }: AdoptionRecord, path: string): { uid: number; gid: number; mode: number } {
  const mode = (entries.find((entry) => entry.path === path) ?? entries.find((entry) => entry.path === file))?.mode;
  return { mode: mode ?? 0o600, uid, gid };
}

import { open, readFile, rename, rm } from 'node:fs/promises';

import type { DriverContext } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { type AdoptionRecord, adoptionPaths, readAdoption } from './adoption-record.ts';
import { machineDetails } from './machine-details.ts';
import { readMachineFiles } from './machine-files.ts';
import { openPrograms, worksOn } from './open-programs.ts';
import { openWriter } from './open-writers.ts';
import { restoreOwners, seize } from './owned-tree.ts';
import { ForeignProblem, readGuarded, shown } from './read-guarded.ts';
import { withMachine, withoutMachine } from './user-registry.ts';

/** Ends the name of a file that is not whole yet. */
const newSuffix = '.nakhoda-new';

/** Who the daemon is. */
export function self(): { uid: number; gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

/** @throws NakhodaError `foreign.not-adoptable` with these words */
export function notAdoptable(message: string, hint: string): NakhodaError {
  return new NakhodaError('foreign.not-adoptable', { message, hint });
}

/** VirtualBox keeps its list of machines in memory, and would write over what is changed in the file. @throws `foreign.not-adoptable` */
export async function needClosed({ user, uid, settings }: Pick<AdoptionRecord, 'user' | 'uid' | 'settings'>): Promise<void> {
  const open = (await openPrograms()).find((program) => worksOn(program, { uid, settings }));
  if (!open) return;
  throw notAdoptable(
    `VirtualBox is open: ${open.program} (process ${open.pid}) works on the settings of ${user}.`,
    'Have that user close VirtualBox and stop its VMs; its service ends 5 s after the last of them. Then try again.',
  );
}

/**
 * See `ForeignFacet.take`. What was done already is left as it is.
 * @param owner whose the VM's files are from now on
 */
export async function take(directory: string, owner: { uid: number; gid: number }): Promise<void> {
  const record = await readAdoption(directory);
  if (record === null) throw new Error('nothing was kept before the VM is taken');
  await asNotAdoptable(async () => {
    await needClosed(record);
    const { content } = await readRegistry(record);
    const text = content.toString('utf8');
    const cut = withoutMachine(text, record.uuid);
    if (cut !== null) await writeRegistry(record, cut.xml);
    // A service that was started meanwhile may have read the file as it was.
    await needClosed(record);
    await seize(await present(record), record.folder, owner);
    await lookAgain(record, adoptionPaths(directory).machine, owner);
    if (await fileExists(record.file)) await rename(record.file, record.keptFile);
  });
}

/**
 * Nobody else can write to the files any more. What they say counts now: a description of a VMDK image could
 * have been changed since it was read, to name a file that is none of its user's.
 * @throws ForeignProblem
 */
async function lookAgain({ file, entries }: AdoptionRecord, kept: string, owner: { uid: number }): Promise<void> {
  const writer = await openWriter(entries);
  if (writer !== null)
    throw new ForeignProblem(
      `${shown(writer.path)} is open for writing in ${shown(writer.program)} (process ${writer.pid}). End that first.`,
    );
  const details = machineDetails(await readFile(kept, 'utf8'));
  if (details === null || details === 'encrypted') throw new Error('what was kept is no machine');
  // CDs stay their owners'.
  const disks = { ...details, media: details.media.filter(({ kind }) => kind === 'HardDisk') };
  const [reason] = (await readMachineFiles(disks, file, { owner, isolated: false })).reasons;
  if (reason !== undefined) throw new ForeignProblem(`It has been changed while it was about to be adopted: ${reason}`);
}

/** See `ForeignFacet.giveBack`. */
export async function giveBack(ctx: DriverContext, directory: string): Promise<void> {
  const record = await readAdoption(directory);
  if (record === null) return;
  await rm(record.registry.path + newSuffix, { force: true });
  if (!(await fileExists(record.file)) && (await fileExists(record.keptFile))) await rename(record.keptFile, record.file);
  for (const left of await restoreOwners(record.entries, record.folder, self())) ctx.log(`Left as it is: ${left}`);
  const original = await readFile(adoptionPaths(directory).registry, 'utf8');
  const { content } = await readRegistry(record);
  const text = content.toString('utf8');
  if (text === original) return;
  // Whatever its user has done meanwhile stays.
  if (text === withoutMachine(original, record.uuid)?.xml) await writeRegistry(record, original, record.registry.modifiedAt);
  else await listAgain(record, text);
}

/** Puts the machine into its user's list again, unless it is there. */
export async function listAgain(record: AdoptionRecord, present?: string): Promise<void> {
  const text = present ?? (await readRegistry(record)).content.toString('utf8');
  const whole = withMachine(text, record.uuid, record.entry);
  if (whole === null) throw notAdoptable(`${record.registry.path} has no list of machines.`, 'Put the file in order, then try again.');
  if (whole !== text) await writeRegistry(record, whole);
}

export async function readRegistry({ registry, uid }: Pick<AdoptionRecord, 'registry' | 'uid'>): Promise<{ content: Buffer }> {
  return readGuarded(registry.path, { uid, mostBytes: 4 * 1024 * 1024 });
}

async function writeRegistry({ registry, uid }: AdoptionRecord, xml: string, modifiedAt?: number): Promise<void> {
  await replaceFile(registry.path, xml, {
    uid,
    gid: registry.gid,
    mode: registry.mode,
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  });
}

/** Puts a user's file in the place of another one, at once: never is there a part of it, or one that is not the user's. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  owner: { uid: number; gid: number; mode: number; modifiedAt?: number },
): Promise<void> {
  const temporary = path + newSuffix;
  await rm(temporary, { force: true });
  await using file = await open(temporary, 'wx', 0o600);
  await file.writeFile(content);
  await file.chown(owner.uid, owner.gid);
  await file.chmod(owner.mode);
  if (owner.modifiedAt !== undefined) await file.utimes(owner.modifiedAt, owner.modifiedAt);
  await file.sync();
  await rename(temporary, path);
}

/** The entries by the names that they have now: a `take` that is repeated may have given the settings file its other one. */
async function present(record: AdoptionRecord): Promise<AdoptionRecord['entries']> {
  if (await fileExists(record.file)) return record.entries;
  return record.entries.map((entry) => (entry.path === record.file ? { ...entry, path: record.keptFile } : entry));
}

/** Troubles with the user's files are told as what they are. */
export async function asNotAdoptable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ForeignProblem)) throw error;
    throw notAdoptable(error.message, 'Put that in order, then try again.');
  }
}

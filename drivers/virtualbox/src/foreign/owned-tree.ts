import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { isVmUid } from '@nakhoda/host';

import { ForeignProblem, shown, withForeignFile } from './read-guarded.ts';

/** One file or folder: which one it is, and whose. */
export interface OwnedEntry {
  path: string;
  device: string;
  inode: string;
  uid: number;
  gid: number;
  mode: number;
}

/** More than any VM's folder has. */
const mostEntries = 2000;
const mostDepth = 8;

const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** An open file or folder of the tree. */
interface OpenEntry {
  path: string;
  file: FileHandle;
  entry: OwnedEntry;
  links: number;
  folder: boolean;
}

/**
 * Opens everything in a folder, one after the other and the folder itself, without ever following a symbolic link, also
 * one that somebody puts in the place of a folder meanwhile: each is opened through its open parent.
 * @throws ForeignProblem for links and for what is neither file nor folder
 */
async function walk(root: string, order: 'folders first' | 'folders last', visit: (open: OpenEntry) => Promise<void>): Promise<void> {
  let count = 0;
  const step = async (path: string, openAt: string, depth: number): Promise<void> => {
    count += 1;
    if (count > mostEntries || depth > mostDepth) throw new ForeignProblem(`${shown(root)} has more in it than a VM's folder can have.`);
    const file = await open(openAt, flags).catch((error: NodeJS.ErrnoException) => {
      throw new ForeignProblem(`${shown(path)} ${error.code === 'ELOOP' ? 'is a symbolic link' : `cannot be opened: ${error.code}`}.`);
    });
    try {
      const stat = await file.stat({ bigint: true });
      const entry = {
        ...{ path, device: String(stat.dev), inode: String(stat.ino), uid: Number(stat.uid), gid: Number(stat.gid) },
        mode: Number(stat.mode) & 0o7777,
      };
      const folder = stat.isDirectory();
      if (!folder && !stat.isFile()) throw new ForeignProblem(`${shown(path)} is neither a file nor a folder.`);
      const self = { path, file, entry, links: Number(stat.nlink), folder };
      if (order === 'folders first' || !folder) await visit(self);
      const names = folder ? await readdir(`/proc/self/fd/${file.fd}`) : [];
      for (const name of names.toSorted()) await step(join(path, name), `/proc/self/fd/${file.fd}/${name}`, depth + 1);
      if (order === 'folders last' && folder) await visit(self);
    } finally {
      await file.close();
    }
  };
  await step(root, root, 0);
}

/**
 * Everything in a VM's folder, the folder first. All of it belongs to that user, and no file has a second name elsewhere.
 * @throws ForeignProblem
 */
export async function readTree(root: string, uid: number): Promise<OwnedEntry[]> {
  const entries: OwnedEntry[] = [];
  await walk(root, 'folders first', async ({ path, entry, links, folder }) => {
    if (entry.uid !== uid) throw new ForeignProblem(`${shown(path)} belongs to another user.`);
    if (!folder && links > 1) throw new ForeignProblem(`${shown(path)} has a second name (hard link) elsewhere.`);
    entries.push(entry);
  });
  return entries;
}

/** Makes files the daemon's own; the first folder is nobody else's to look into. @throws ForeignProblem when one is not what it was */
export async function seize(entries: readonly OwnedEntry[], root: string, self: { uid: number; gid: number }): Promise<void> {
  const known = new Map(entries.map((entry) => [entry.path, entry]));
  const take = async (file: FileHandle, path: string): Promise<void> => {
    const stat = await file.stat({ bigint: true });
    const entry = known.get(path);
    if (entry === undefined || entry.inode !== String(stat.ino) || entry.device !== String(stat.dev))
      throw new ForeignProblem(`${shown(path)} has changed while it was looked at.`);
    await file.chown(self.uid, self.gid);
    if (path === root) await file.chmod(0o700);
  };
  await walk(root, 'folders first', ({ file, path }) => take(file, path));
  for (const { path } of entries.filter((entry) => !entry.path.startsWith(`${root}/`) && entry.path !== root))
    await withForeignFile(path, (file) => take(file, path));
}

/**
 * Gives everything in one of our own folders to a user. Files with a second name are left alone, and where there is what cannot be
 * in such a folder, the rest is.
 */
export async function giveTree(root: string, to: { uid: number; gid: number }): Promise<void> {
  const give = walk(root, 'folders first', async ({ file, entry, links, folder }) => {
    if (entry.uid !== to.uid && (folder || links === 1)) await file.chown(to.uid, to.gid);
  });
  await give.catch((error: unknown) => {
    if (!(error instanceof ForeignProblem)) throw error;
  });
}

/**
 * The reverse of `seize`. What came into the folder meanwhile, as ours, becomes the folder's owner's.
 * Gives what is not there any more, or is not what it was and so left alone.
 */
export async function restoreOwners(entries: readonly OwnedEntry[], root: string, self: { uid: number }): Promise<string[]> {
  const known = new Map(entries.map((entry) => [`${entry.device} ${entry.inode}`, entry]));
  const owner = entries.find((entry) => entry.path === root);
  const left: string[] = [];
  const give = async ({ file, path, entry, links, folder }: OpenEntry): Promise<void> => {
    const before = known.get(`${entry.device} ${entry.inode}`);
    if (before) {
      await file.chown(before.uid, before.gid);
      await file.chmod(before.mode);
    } else if (owner && (entry.uid === self.uid || isVmUid(entry.uid)) && (folder || links === 1)) await file.chown(owner.uid, owner.gid);
    // One that was put there as the owner's, such as the settings file.
    else if (entry.uid !== owner?.uid) left.push(path);
  };
  await walk(root, 'folders last', give).catch((error: unknown) => {
    if (!(error instanceof ForeignProblem)) throw error;
    left.push(error.message);
  });
  for (const { path } of entries.filter((entry) => !entry.path.startsWith(`${root}/`) && entry.path !== root)) {
    await withForeignFile(path, (file, facts) => give({ path, file, links: facts.links, folder: false, entry: { path, ...facts } })).catch(
      (error: unknown) => {
        if (!(error instanceof ForeignProblem)) throw error;
        left.push(error.message);
      },
    );
  }
  return left;
}

import { basename, dirname, join } from 'node:path';

import type { ForeignOwner } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';

import { type ImageFacts, type ImageFormat, imageFactsOf, imageFormats } from '../image-facts.ts';
import { VmdkProblem } from '../vmdk-image.ts';
import type { MachineDetails } from './machine-details.ts';
import { mediumPath } from './medium-path.ts';
import type { OwnedEntry } from './owned-tree.ts';
import { type FileFacts, ForeignProblem, readGuarded, shown, withForeignFile } from './read-guarded.ts';
import { readSavedBy, type SavedMemory } from './saved-memory.ts';
import { secureBootIn } from './variable-store.ts';

/** A store of variables has half a MiB, and a TPM's memory a few KiB (7.2.22). */
export const mostStoreBytes = 16 * 1024 * 1024;
/** Belong to the system, and to the isolated run time's own. */
const systemFolders = /^\/(bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)(\/|$)/u;

/** Whether the isolated run time can be shown the file's folder without losing one of its own. Pure. */
export function canBeShown(file: string): boolean {
  return !systemFolders.test(file) && dirname(file).split('/').length > 2;
}

/** What the files of a machine say. */
export interface ReadFiles {
  /** By absolute path; null for what is no image of the format that it should be of. */
  images: Map<string, ImageFacts | null>;
  memory: SavedMemory[];
  /** The store of UEFI's variables and of a TPM's memory; null where there is none (any more). */
  store: { secureBoot: boolean } | null;
  /** Files outside of the machine's folder, which become the daemon's with it. */
  entries: OwnedEntry[];
  /** Whole sentences. */
  reasons: string[];
}

interface ReadOptions {
  owner: Pick<ForeignOwner, 'uid'>;
  isolated: boolean;
}

/** Looks at every file that a machine names: whether it is there, whose it is, and what it says. Follows nothing that one of them names. */
export async function readMachineFiles(details: MachineDetails, file: string, options: ReadOptions): Promise<ReadFiles> {
  const folder = dirname(file);
  const files: ReadFiles = { images: new Map(), memory: [], store: null, entries: [], reasons: [] };
  for (const medium of details.media) {
    const path = mediumPath(medium.location, folder);
    // What such a location is no path of is refused with its format.
    if (medium.kind === 'HardDisk' && !isImageFormat(medium.format)) continue;
    await orReason(files, path, () => lookAtMedium(files, { ...medium, path, folder }, options));
  }
  for (const { snapshot, path: listed } of details.memory) {
    const path = mediumPath(listed, folder);
    await orReason(files, path, async () => {
      files.memory.push({ snapshot, path, writtenBy: await readSavedBy(path, options.owner.uid) });
    });
  }
  if (details.firmware !== 'BIOS' || details.tpmType !== 'None') {
    const path = storePath(details, file);
    // VirtualBox 6.1 and older keep none.
    if (!(await fileExists(path))) return files;
    await orReason(files, path, async () => {
      const { content } = await readGuarded(path, { uid: options.owner.uid, mostBytes: mostStoreBytes });
      files.store = { secureBoot: secureBootIn(content) };
    });
  }
  return files;
}

export function isImageFormat(format: string): format is ImageFormat {
  return Object.hasOwn(imageFormats, format);
}

/** Where the machine's own store of variables lies. Pure. */
export function storePath({ store }: Pick<MachineDetails, 'store'>, file: string): string {
  return store === null || store === '' ? join(dirname(file), `${basename(file, '.vbox')}.nvram`) : mediumPath(store, dirname(file));
}

type LookedAt = MachineDetails['media'][number] & { path: string; folder: string };

async function lookAtMedium(files: ReadFiles, { path, kind, format, folder }: LookedAt, { owner, isolated }: ReadOptions): Promise<void> {
  if (isolated && !canBeShown(path))
    throw new ForeignProblem(`${shown(path)} lies in a folder of the system.${kind === 'HardDisk' ? '' : ' Eject it.'}`);
  const image = await withForeignFile(path, async (file, facts) => {
    const own = facts.uid === owner.uid;
    if (kind === 'DVD' ? !own && (facts.mode & 0o004) === 0 : !own) throw new ForeignProblem(`${shown(path)} belongs to another user.`);
    if (kind === 'DVD') return null;
    needSingle(path, facts);
    noteOutside(files, path, folder, facts);
    return kind === 'HardDisk' && isImageFormat(format) ? imageFactsOf(file, format) : null;
  });
  if (kind !== 'HardDisk') return;
  files.images.set(path, image);
  for (const extent of image?.extents ?? []) {
    const at = join(dirname(path), extent.file);
    await withForeignFile(at, async (_file, facts) => {
      if (facts.uid !== owner.uid) throw new ForeignProblem(`${shown(at)} belongs to another user.`);
      if (facts.size < extent.leastBytes) throw new ForeignProblem(`${shown(at)} is shorter than ${shown(path)} says.`);
      needSingle(at, facts);
      noteOutside(files, at, folder, facts);
    });
  }
}

function needSingle(path: string, { links }: FileFacts): void {
  if (links > 1) throw new ForeignProblem(`${shown(path)} has a second name (hard link) elsewhere.`);
}

function noteOutside(files: ReadFiles, path: string, folder: string, { device, inode, uid, gid, mode }: FileFacts): void {
  if (!path.startsWith(`${folder}/`)) files.entries.push({ path, device, inode, uid, gid, mode });
}

async function orReason(files: ReadFiles, path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    files.reasons.push(wordsOf(error, path));
  }
}

/** What went wrong, without a word of a file's content. */
export function wordsOf(error: unknown, path: string): string {
  if (error instanceof ForeignProblem) return error.message;
  if (error instanceof VmdkProblem) return `${shown(path)} ${error.message}.`;
  return `${shown(path)} cannot be made out as VirtualBox's XML.`;
}

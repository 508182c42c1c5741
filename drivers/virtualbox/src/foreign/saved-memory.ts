import { readHead } from './read-guarded.ts';

/** VirtualBox's saved states: magic, then the version that wrote them (SSMFILEHDR of VirtualBox's SSM.cpp; read of one of 7.2.22). */
const magic = '\u007fVirtualBox SavedState V2.0\n';
const versionAt = 32;

/** Memory of a machine, or of one of its snapshots, in a file. */
export interface SavedMemory {
  /** The snapshot's name; null for the machine's own. */
  snapshot: string | null;
  path: string;
  /** The version that wrote it, such as `7.2.22`; null where the file is no saved state. */
  writtenBy: string | null;
}

/** The version in the head of a saved state; null for what is none. Pure. */
export function savedBy(head: Buffer): string | null {
  if (head.length < versionAt + 8 || !head.toString('latin1').startsWith(magic)) return null;
  return `${head.readUInt16LE(versionAt)}.${head.readUInt16LE(versionAt + 2)}.${head.readUInt32LE(versionAt + 4)}`;
}

/** The same of a file of that user's. @throws ForeignProblem */
export async function readSavedBy(path: string, uid: number): Promise<string | null> {
  return savedBy(await readHead(path, { uid, bytes: 64 }));
}

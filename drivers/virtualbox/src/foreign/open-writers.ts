import { readdir, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';

import { processArgv } from '@nakhoda/host';

import type { OwnedEntry } from './owned-tree.ts';

/** A process that can write to a file of the machine's. */
export interface OpenWriter {
  pid: number;
  program: string;
  path: string;
}

/**
 * A process, other than this one, that has one of these files open for writing: another owner and mode do not take that
 * from it. Sees all processes as root, and those of its own user otherwise. Null where there is none.
 */
export async function openWriter(entries: readonly OwnedEntry[]): Promise<OpenWriter | null> {
  const paths = new Map(entries.map(({ device, inode, path }) => [`${device} ${inode}`, path]));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid);
  for (const pid of pids) {
    // Processes, and their files, may be gone by now; those of others are not to be seen.
    for (const number of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const facts = await stat(`/proc/${pid}/fd/${number}`, { bigint: true }).catch(() => null);
      const path = facts?.isFile() === true ? paths.get(`${facts.dev} ${facts.ino}`) : undefined;
      if (path === undefined || !(await isWriting(pid, number))) continue;
      return { pid: Number(pid), program: basename(processArgv(Number(pid))?.[0] ?? ''), path };
    }
  }
  return null;
}

/** The access mode is in the last octal digit of the flags. */
async function isWriting(pid: string, number: string): Promise<boolean> {
  const info = await readFile(`/proc/${pid}/fdinfo/${number}`, 'utf8').catch(() => '');
  return /^flags:\s+[0-7]*[1256]$/mu.test(info);
}

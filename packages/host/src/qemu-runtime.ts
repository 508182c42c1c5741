import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheFolder } from './cache-folder.ts';
import { fileExists } from './file-exists.ts';

/** A QEMU beside the distribution's. */
export interface QemuRuntime {
  /** Absolute, without symbolic links: all of it lies in there. */
  folder: string;
  /** Absolute paths of its programs. */
  programs: { system: string; image: string };
}

/** Where `nakhoda setup qemu10` unpacks QEMU 10, by recipe; `current` leads to the one in use. */
export function qemu10Folder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'qemu10');
}

/** The QEMU in a folder with `bin/qemu-system-x86_64` and `bin/qemu-img`; null where they are not both there. */
export async function findQemuRuntime(path: string): Promise<QemuRuntime | null> {
  const folder = await realpath(path).catch(() => null);
  if (folder === null) return null;
  const programs = { system: join(folder, 'bin', 'qemu-system-x86_64'), image: join(folder, 'bin', 'qemu-img') };
  return (await fileExists(programs.system)) && (await fileExists(programs.image)) ? { folder, programs } : null;
}

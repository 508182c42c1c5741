import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';

/** The folder with all builds of the tiny guest; `current` in it links to the one in use. */
export function tinyGuestFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'guest');
}

/**
 * The ISO image that `--cdrom tiny` means, as an absolute path, or null when
 * `nakhoda setup guest` has not been run.
 */
export async function findTinyIso(env: NodeJS.ProcessEnv): Promise<string | null> {
  const iso = join(tinyGuestFolder(env), 'current', 'tiny.iso');
  return access(iso).then(
    () => iso,
    () => null,
  );
}

import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Fills `folder` with links to every program in PATH whose name does not match, and gives the PATH that has only those. */
export async function pathWithout(folder: string, absent: RegExp): Promise<string> {
  await mkdir(folder, { recursive: true });
  const seen = new Set<string>();
  for (const place of (process.env['PATH'] ?? '').split(':')) {
    for (const name of await readdir(place).catch(() => [])) {
      if (absent.test(name) || seen.has(name)) continue;
      seen.add(name);
      await symlink(join(place, name), join(folder, name));
    }
  }
  return folder;
}

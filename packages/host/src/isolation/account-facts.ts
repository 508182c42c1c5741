import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { machine } from 'node:os';

import type { AccountFacts } from './account-plan.ts';

const rootNames = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Of the host's settings, what programs with a window and a network look for: the loader, names, fonts, keyboards. */
const hostSettings = ['ld.so.cache', 'alternatives', 'localtime', 'nsswitch.conf', 'host.conf', 'fonts', 'X11', 'vbox', 'machine-id'];
/** Names of other hosts: the host's own, also for a run time with a root of its own. */
const nameSettings = ['/etc/resolv.conf', '/etc/hosts'];
const plainDevices = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

/**
 * Why programs cannot be shown a /proc of their own; null when they can. Before Linux 5.8 the option by which it has no
 * processes of others would go for the whole host's (fs/proc/root.c: one for each process id namespace). Pure.
 */
export function whyNoProcesses(kernelRelease: string): string | null {
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  if (major > 5 || (major === 5 && minor >= 8)) return null;
  return `The kernel ${kernelRelease} cannot hide the processes of others from one program alone; 5.8 and later can.`;
}

/**
 * Looks at the system that an account's programs come from.
 * @param root the root of a run time's file system; null: the host's
 * @param devices further devices, with whom they are to belong to; what is not there is left out
 */
export async function readAccountFacts(root: string | null, devices: ReadonlyMap<string, 'root' | 'account'>): Promise<AccountFacts> {
  const base = root ?? '';
  const roots = new Map<string, string | null>();
  for (const path of rootNames) {
    const found = await lstat(base + path).catch(() => null);
    if (found?.isSymbolicLink()) roots.set(path, await readlink(base + path));
    // A run time's are links into /usr, as in every Debian since 12 and Ubuntu since 20.04.
    else if (found?.isDirectory() && root === null) roots.set(path, null);
  }
  const shown = new Map<string, string>([['/usr', `${base}/usr`]]);
  const add = async (path: string, source: string): Promise<void> => {
    const real = await realpath(source).catch(() => null);
    if (real !== null) shown.set(path, real);
  };
  if (root === null) for (const name of hostSettings) await add(`/etc/${name}`, `/etc/${name}`);
  // Of /var not all: folders of adopted VMs may lie in it.
  else for (const path of ['/etc', '/var/lib/xkb', '/var/cache/fontconfig']) await add(path, base + path);
  for (const path of nameSettings) {
    // Where all of /etc is shown, only what is there can be covered.
    if (root === null || (await lstat(base + path).catch(() => null))?.isFile()) await add(path, path);
  }
  await add('/sys', '/sys');
  const found = new Map<string, 'root' | 'account'>();
  for (const [path, owner] of [...plainDevices.map((path) => [path, 'account'] as const), ...devices])
    if ((await stat(path).catch(() => null))?.isCharacterDevice()) found.set(path, owner);
  return { machine: machine(), roots, shown, devices: found };
}

import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import { isVmUid, processArgv } from '@nakhoda/host';

/** A program of VirtualBox that works on a registry. */
export interface FormerProgram {
  pid: number;
  program: string;
  /** The user that it is, or becomes. */
  uid: number;
  /** It is an account of some data folder's, not a person or the daemon. */
  isAccount: boolean;
}

const programs = ['VBoxSVC', 'VBoxManage', 'VirtualBoxVM', 'VBoxHeadless', 'VBoxSDL', 'VirtualBox'];

/** VirtualBox's programs that run on this registry, or are on their way into the run time; those that enter a view of their own left out. */
export async function formerPrograms(userHome: string): Promise<FormerProgram[]> {
  const found: FormerProgram[] = [];
  for (const name of await readdir('/proc')) {
    const argv = /^\d+$/u.test(name) ? processArgv(Number(name)) : null;
    const program = argv?.map((part) => basename(part)).find((part) => programs.includes(part));
    if (!argv || program === undefined || basename(argv[0] ?? '') === 'perl') continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`VBOX_USER_HOME=${userHome}`)) continue;
    // Its real user: a hardened program is root in effect for a moment.
    const uid = /^Uid:\t(\d+)/mu.exec(await readFile(`/proc/${name}/status`, 'utf8').catch(() => ''))?.[1];
    if (uid !== undefined) found.push({ pid: Number(name), program, uid: Number(uid), isAccount: isVmUid(Number(uid)) });
  }
  return found;
}

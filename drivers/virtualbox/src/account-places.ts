import { chmod, lchown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { accountNames, type VmIdentity, writeFileAtomic } from '@nakhoda/host';

/** The account's name: VirtualBox's service asks for one. It is in the view alone. */
const accountName = 'nakhoda-vbox';

/** Files of the account's that it cannot replace: they are in a folder of root's. */
export interface AccountPlaces {
  folder: string;
  /** They stand for /etc/passwd and /etc/group in the view. */
  passwd: string;
  group: string;
  /** Where its programs find one another. */
  ipc: string;
  /** Whose the data folder's files are; gone when they are the daemon's. */
  mark: string;
}

export function accountPlaces(userHome: string): AccountPlaces {
  const folder = join(userHome, 'account');
  const at = (name: string): string => join(folder, name);
  return { folder, passwd: at('passwd'), group: at('group'), ipc: at('ipc'), mark: at('owner.json') };
}

/** Makes what the view needs, whatever the daemon's umask. Idempotent. */
export async function makePlaces(
  { folder, passwd, group, ipc }: AccountPlaces,
  identity: VmIdentity,
  userHome: string,
  lend: readonly string[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = accountNames(identity, accountName, userHome);
  await writeFileAtomic(passwd, names.passwd);
  await writeFileAtomic(group, names.group);
  await chmod(folder, 0o755);
  for (const path of [passwd, group]) await chmod(path, 0o644);
  await mkdir(ipc, { recursive: true, mode: 0o700 });
  await lchown(ipc, identity.uid, identity.gid);
  // Gone through, not listed: whose a VM's folder is decides who gets into it. Nobody else reaches the data folder.
  for (const path of lend) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o711);
  }
}

import { constants } from 'node:fs';
import { chmod, lchown, lstat, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { readJsonFile, type VmIdentity, writeFileAtomic } from '@nakhoda/host';

import { readAdoption } from './foreign/adoption-record.ts';
import { giveTree } from './foreign/owned-tree.ts';
import { machineName, specPath } from './machines.ts';
import { isBelow } from './media-tree.ts';

/** Records and logs of the daemon's, which the account must not write, and files that are not whole yet. */
const ours = /\.(?:json|log|new)$/u;

/**
 * Gives a VM's folders, and what was made in them for VirtualBox, to the account: it may make and delete files of its own in
 * them, but replace none of root's. Idempotent. Nothing is followed that the account may have put there.
 */
export async function prepareMachine(
  spec: Pick<MachineSpec, 'vmid' | 'directory' | 'runtimeDirectory' | 'cdrom'>,
  identity: VmIdentity,
): Promise<void> {
  for (const folder of [spec.directory, spec.runtimeDirectory]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await openFolder(folder, identity);
  }
  for (const entry of await readdir(spec.directory, { withFileTypes: true })) {
    const path = join(spec.directory, entry.name);
    if (entry.isFile() && !ours.test(entry.name)) await giveFile(path, identity);
    else if (entry.isDirectory() && entry.name === machineName(spec.vmid)) await giveTree(path, identity);
  }
  const { cdrom } = spec;
  if (cdrom === null || isBelow(cdrom, spec.directory)) return;
  const disc = await stat(cdrom).catch(() => null);
  // Only who gets to its folder can make use of it.
  if (disc && (disc.mode & 0o044) !== 0o044) await chmod(cdrom, (disc.mode & 0o7777) | 0o044);
}

/** Gives everything of VirtualBox's that was made as the daemon's user to the account, once. */
export async function takeOverFolder(userHome: string, markPath: string, identity: VmIdentity): Promise<void> {
  const mark = await readJsonFile<{ uid: number }>(markPath);
  if (mark?.uid === identity.uid) return;
  await openFolder(userHome, identity);
  for (const entry of await readdir(userHome, { withFileTypes: true })) {
    const path = join(userHome, entry.name);
    // Its service's log is VirtualBox's; records, and the journal of clones, are the driver's.
    if (/\.(?:json|new)$/u.test(entry.name) || ['account', 'clones'].includes(entry.name)) continue;
    if (entry.isDirectory()) await giveTree(path, identity);
    else if (entry.isFile()) await giveFile(path, identity);
  }
  const registry = await readFile(join(userHome, 'VirtualBox.xml'), 'utf8').catch(() => '');
  for (const [, file = ''] of registry.matchAll(/<MachineEntry [^>]*src="([^"]+)"/gu)) {
    const spec = await readJsonFile<MachineSpec>(specPath(dirname(dirname(file)))).catch(() => null);
    if (spec === null) continue;
    await prepareMachine(spec, identity);
    await giveAdopted(spec.directory, identity);
  }
  await writeFileAtomic(markPath, JSON.stringify({ uid: identity.uid }));
}

/** What an adopted VM has elsewhere. */
async function giveAdopted(directory: string, identity: VmIdentity): Promise<void> {
  const record = await readAdoption(directory);
  if (record === null) return;
  await giveTree(record.folder, identity);
  for (const { path } of record.entries) if (path !== record.folder && !isBelow(path, record.folder)) await giveFile(path, identity);
}

/** Root's folder, in which the account may make files and delete its own. */
async function openFolder(folder: string, { gid }: VmIdentity): Promise<void> {
  const found = await lstat(folder);
  if (found.uid !== 0 || found.gid !== gid) await lchown(folder, 0, gid);
  if ((found.mode & 0o7777) !== 0o1770) await chmod(folder, 0o1770);
}

/** A file with a second name may be anybody's. */
async function giveFile(path: string, { uid, gid }: VmIdentity): Promise<void> {
  if ((await lstat(path).catch(() => null))?.uid === uid) return;
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (file === null) return;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.nlink !== 1) return;
    await file.chown(uid, gid);
    await file.chmod(0o600);
  } finally {
    await file.close();
  }
}

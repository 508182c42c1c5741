import { statfs } from 'node:fs/promises';

import type { StoragePool } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema';

/** What a directory pool keeps: `images/<vmid>/` with the disks of VMs, `iso/` with installation images. */
export const poolContent = ['images', 'iso'] as const;

export interface PoolUsage {
  /** Size of the file system that the folder is on. */
  totalBytes: number;
  /** What an ordinary user may still write on it. */
  freeBytes: number;
}

/** @throws NakhodaError `storage.failed` when there is no such folder. */
export async function poolUsage(folder: string): Promise<PoolUsage> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch (error) {
    throw new NakhodaError('storage.failed', {
      message: `The pool's folder ${folder} cannot be looked at: ${(error as Error).message}`,
      hint: 'Look whether the folder exists and its file system is mounted.',
      cause: error,
    });
  }
}

/** Pools as the API shows them. @param pools absolute folder by pool's name */
export function listPools(pools: Readonly<Record<string, string>>, options: { node: string }): Promise<StoragePool[]> {
  return Promise.all(
    Object.entries(pools).map(async ([name, path]) => ({
      name,
      node: options.node,
      kind: 'directory' as const,
      path,
      ...(await poolUsage(path)),
      content: [...poolContent],
    })),
  );
}

/**
 * Refuses a disk that could never be filled. Images grow as they are written, so that one beyond what is free
 * now is allowed: the guest is stopped, not broken, when the pool runs full.
 *
 * @throws NakhodaError `storage.too-large`
 */
export function checkDiskSize(sizeBytes: number, pool: { name: string; totalBytes: number }): void {
  if (sizeBytes <= pool.totalBytes) return;
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  throw new NakhodaError('storage.too-large', {
    message: `A disk of ${gib(sizeBytes)} can never fit on the pool ${pool.name}, which has ${gib(pool.totalBytes)} in all.`,
    hint: `Choose a size of at most ${Math.floor(pool.totalBytes / 1024 ** 3)} GiB.`,
    details: { sizeBytes, totalBytes: pool.totalBytes },
  });
}

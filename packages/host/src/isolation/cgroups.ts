import { accessSync, constants, readFileSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { waitFor } from '../wait.ts';
import type { CgroupFacts, LimitPlan } from './cgroup-limits.ts';

/** Looks how control groups are mounted, and which can be written. */
export function readCgroupFacts(): CgroupFacts {
  return parseCgroupMounts(readFileSync('/proc/self/mounts', 'utf8'), {
    controllers: (root) => attempt(() => readFileSync(join(root, 'cgroup.controllers'), 'utf8')) ?? '',
    isWritable: (path) => attempt(() => accessSync(path, constants.W_OK)) !== null,
  });
}

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}

/** From the lines of /proc/self/mounts. A version 2 that is mounted beside version 1 has none of the controllers wanted, and does not count. */
export function parseCgroupMounts(
  mounts: string,
  look: { controllers(root: string): string; isWritable(path: string): boolean },
): CgroupFacts {
  const found = new Map<string, string>();
  for (const line of mounts.split('\n')) {
    const [, path = '', type, options = ''] = line.split(' ');
    if (!path.startsWith('/sys/fs/cgroup')) continue;
    if (type === 'cgroup2') {
      const controllers = look.controllers(path).trim().split(' ').filter(Boolean);
      if (controllers.includes('cpu') && look.isWritable(join(path, 'cgroup.procs'))) return { version: 2, root: path, controllers };
    }
    if (type === 'cgroup') for (const name of options.split(',')) found.set(name, path);
  }
  const writable = new Map<string, string>();
  for (const name of ['cpu', 'memory']) {
    const path = found.get(name);
    if (path !== undefined && look.isWritable(join(path, 'cgroup.procs'))) writable.set(name, path);
  }
  return writable.size > 0 ? { version: 1, mounts: writable } : { version: null };
}

/** Makes the groups and writes the limits. Idempotent. What it made is removed when it fails. */
export async function applyLimits(plan: LimitPlan): Promise<void> {
  try {
    for (const path of plan.make) await mkdir(path, { recursive: true });
    for (const { path, value } of plan.write) await writeFile(path, value);
  } catch (error) {
    await removeGroups(plan.join);
    throw error;
  }
}

/** Removes a VM's groups after its last process is gone; those that are gone already are fine. */
export async function removeGroups(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    // A process that has just ended is still counted for a moment.
    await waitFor(
      () =>
        rmdir(path).then(
          () => true,
          (error: NodeJS.ErrnoException) => error.code !== 'EBUSY',
        ),
      { timeoutMs: 2_000, pollMs: 5 },
    );
  }
}

import { constants } from 'node:fs';
import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { waitFor } from '../wait.ts';
import type { CgroupFacts, LimitPlan } from './cgroup-limits.ts';

/** Looks how control groups are mounted, and which can be written. */
export async function readCgroupFacts(): Promise<CgroupFacts> {
  return parseCgroupMounts(await readFile('/proc/self/mounts', 'utf8'), {
    controllers: (root) => readFile(join(root, 'cgroup.controllers'), 'utf8').catch(() => ''),
    isWritable: (path) =>
      access(path, constants.W_OK).then(
        () => true,
        () => false,
      ),
  });
}

/** From the lines of /proc/self/mounts. A version 2 that is mounted beside version 1 has none of the controllers wanted, and does not count. */
export async function parseCgroupMounts(
  mounts: string,
  look: { controllers(root: string): Promise<string>; isWritable(path: string): Promise<boolean> },
): Promise<CgroupFacts> {
  const found = new Map<string, string>();
  for (const line of mounts.split('\n')) {
    const [, path = '', type, options = ''] = line.split(' ');
    if (!path.startsWith('/sys/fs/cgroup')) continue;
    if (type === 'cgroup2') {
      const controllers = (await look.controllers(path)).trim().split(' ').filter(Boolean);
      if (controllers.includes('cpu') && (await look.isWritable(join(path, 'cgroup.procs')))) return { version: 2, root: path, controllers };
    }
    if (type === 'cgroup') for (const name of options.split(',')) found.set(name, path);
  }
  const writable = new Map<string, string>();
  for (const name of ['cpu', 'memory']) {
    const path = found.get(name);
    if (path !== undefined && (await look.isWritable(join(path, 'cgroup.procs')))) writable.set(name, path);
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

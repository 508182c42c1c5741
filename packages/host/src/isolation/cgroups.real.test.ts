import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { terminate } from '../process.ts';
import { waitFor } from '../wait.ts';
import { planLimits } from './cgroup-limits.ts';
import { applyLimits, parseCgroupMounts, readCgroupFacts, removeGroups } from './cgroups.ts';
import { spawnSupervised } from './supervise.ts';

test('a program is held to its processor limit, and its group is removed after it', async (t) => {
  const facts = readCgroupFacts();
  if (facts.version === null || process.getuid?.() !== 0) return t.skip('This host has no control groups that can be written.');
  const owner = `t${process.pid}`.padEnd(8, 'x').slice(0, 8);
  const plan = planLimits({ cpuLimit: 0.2, cpuShares: 50 }, { owner, vmid: 101 }, facts);
  assert.deepEqual(plan.missing, []);
  const folder = await mkdtemp(join(tmpdir(), 'nk-cgroup-'));
  await applyLimits(plan);
  await applyLimits(plan);
  try {
    const { process: busy } = await spawnSupervised(
      { exitPath: join(folder, 'exit'), cgroups: plan.join, view: null, identity: null, argv: ['perl', '-e', '1 while 1'] },
      { planPath: join(folder, 'plan'), logPath: join(folder, 'log') },
    );
    const began = performance.now();
    const first = await cpuSeconds(busy.pid);
    await waitFor(() => Promise.resolve(performance.now() - began >= 2_000), { timeoutMs: 3_000 });
    const used = ((await cpuSeconds(busy.pid)) - first) / ((performance.now() - began) / 1000);
    const groups = await readFile(`/proc/${busy.pid}/cgroup`, 'utf8');
    await terminate(busy, { graceMs: 1_000 });
    t.diagnostic(`used ${used.toFixed(3)} of a core, of 0.2 allowed`);
    // More than it may by one period and the granularity of the count, at most.
    assert.ok(used > 0.02 && used < 0.27, `${used} of a core`);
    assert.match(groups, new RegExp(`/nakhoda-${owner}/101$`, 'm'));
  } finally {
    await removeGroups([...plan.join, ...plan.make.toReversed()]);
    await rm(folder, { recursive: true });
  }
  for (const path of plan.make) await assert.rejects(stat(path), { code: 'ENOENT' });
});

/** Fields 14 and 15 of /proc/PID/stat, in hundredths of a second. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

test('mounts of control groups are told apart', () => {
  const look = {
    controllers: (root: string) => (root === '/sys/fs/cgroup' ? 'cpuset cpu io memory pids\n' : 'hugetlb\n'),
    isWritable: () => true,
  };
  const unified = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0\n';
  assert.deepEqual(parseCgroupMounts(unified, look), {
    version: 2,
    root: '/sys/fs/cgroup',
    controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
  });
  const hybrid = [
    'tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0',
    'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0',
  ].join('\n');
  assert.deepEqual(parseCgroupMounts(hybrid, look), { version: 1, mounts: new Map([['cpu', '/sys/fs/cgroup/cpu,cpuacct']]) });
  assert.deepEqual(parseCgroupMounts(hybrid, { ...look, isWritable: () => false }), { version: null });
  assert.deepEqual(parseCgroupMounts('/dev/vda / ext4 rw 0 0\n', look), { version: null });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type CgroupFacts, planLimits } from './cgroup-limits.ts';

const place = { owner: 'test0001', vmid: 101 };
const version1: CgroupFacts = {
  version: 1,
  mounts: new Map([
    ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
    ['memory', '/sys/fs/cgroup/memory'],
  ]),
};
const version2: CgroupFacts = { version: 2, root: '/sys/fs/cgroup', controllers: ['cpu', 'io', 'memory'] };
const lines = (plan: ReturnType<typeof planLimits>): string[] => plan.write.map(({ path, value }) => `${path} = ${value}`);

test('limits on version 1', () => {
  const plan = planLimits({ cpuLimit: 1.5, cpuShares: 50, memoryMaxBytes: 1024 ** 3 }, place, version1);
  const cpu = '/sys/fs/cgroup/cpu,cpuacct/nakhoda-test0001';
  const memory = '/sys/fs/cgroup/memory/nakhoda-test0001';
  assert.deepEqual(plan.make, [cpu, `${cpu}/101`, memory, `${memory}/101`]);
  assert.deepEqual(plan.join, [`${cpu}/101`, `${memory}/101`]);
  assert.deepEqual(lines(plan), [
    `${cpu}/101/cpu.cfs_period_us = 100000`,
    `${cpu}/101/cpu.cfs_quota_us = 150000`,
    `${cpu}/101/cpu.shares = 512`,
    `${memory}/101/memory.limit_in_bytes = 1073741824`,
  ]);
  assert.deepEqual(plan.missing, []);
});

test('limits on version 2', () => {
  const plan = planLimits({ cpuLimit: 0.5, cpuShares: 40, memoryMaxBytes: 1024 ** 3, ioWeight: 50 }, place, version2);
  const parent = '/sys/fs/cgroup/nakhoda-test0001';
  assert.deepEqual(plan.make, [parent, `${parent}/101`]);
  assert.deepEqual(plan.join, [`${parent}/101`]);
  assert.deepEqual(lines(plan), [
    '/sys/fs/cgroup/cgroup.subtree_control = +cpu +memory +io',
    `${parent}/cgroup.subtree_control = +cpu +memory +io`,
    `${parent}/101/cpu.max = 50000 100000`,
    `${parent}/101/cpu.weight = 40`,
    `${parent}/101/memory.max = 1073741824`,
    `${parent}/101/io.weight = default 50`,
  ]);
});

test('what cannot be kept is told; without limits nothing is made', () => {
  assert.match(String(planLimits({ cpuLimit: 1 }, place, { version: null }).missing), /^cpu limit: .*no control groups/);
  assert.match(String(planLimits({ ioWeight: 10 }, place, version1).missing), /disk weight/);
  const partly = planLimits({ cpuLimit: 1, memoryMaxBytes: 1 }, place, { ...version2, controllers: ['memory'] });
  assert.match(String(partly.missing), /^cpu: /);
  assert.equal(partly.join.length, 1);
  for (const facts of [version1, version2, { version: null } as const])
    assert.deepEqual(planLimits({}, place, facts), { join: [], make: [], write: [], missing: [] });
});

test('the usual share is the usual one of either version, and the least one is taken', () => {
  const shares = (cpuShares: number) =>
    [version1, version2].map(
      (facts) =>
        lines(planLimits({ cpuShares }, place, facts))
          .at(-1)
          ?.split(' = ')[1],
    );
  assert.deepEqual([1, 100, 10_000].map(shares), [
    ['10', '1'],
    ['1024', '100'],
    ['102400', '10000'],
  ]);
});

test('limits out of range are refused', () => {
  const bad = [
    { cpuLimit: 0 },
    { cpuLimit: Number.NaN },
    { cpuShares: 0 },
    { cpuShares: 2.5 },
    { memoryMaxBytes: 0 },
    { ioWeight: 10_001 },
  ];
  for (const limits of bad) assert.throws(() => planLimits(limits, place, version1), RangeError, JSON.stringify(limits));
});

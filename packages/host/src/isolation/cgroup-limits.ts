import type { NetworkOwner } from '../net/interface-names.ts';
import { checkOwner } from '../net/interface-names.ts';

/** What a VM's processes may use of the host. What is left out is not limited. */
export interface ResourceLimits {
  /** Processor time at most, in cores; 0.5 is half of one. */
  cpuLimit?: number;
  /** Processor time in proportion to others' when it is short, 1 to 10,000; 100 is what everybody has. */
  cpuShares?: number;
  /** Memory at most, in bytes: the guest's, and QEMU's own. */
  memoryMaxBytes?: number;
  /** Disk time in proportion to others', 1 to 10,000; 100 is what everybody has. */
  ioWeight?: number;
}

/** How control groups are mounted here. */
export type CgroupFacts =
  /** One hierarchy (cgroups(7), version 2); the controllers that its root has. */
  | { version: 2; root: string; controllers: readonly string[] }
  /** A hierarchy for each controller: where each is mounted, writable. */
  | { version: 1; mounts: ReadonlyMap<string, string> }
  | { version: null };

/** How limits are put in force: folders made (parents first), files written in them, and the program started in `join`. */
export interface LimitPlan {
  /** Groups of this VM alone; removed after its end. */
  join: string[];
  make: string[];
  write: { path: string; value: string }[];
  /** Limits that cannot be kept here, in words. */
  missing: string[];
}

/** The period that a processor limit is counted in; the kernel's default, in microseconds. */
const periodUs = 100_000;
const minQuotaUs = 1_000;

/** From limits to what has to be made and written. Nothing of it when there are no limits. Pure. @throws RangeError */
export function planLimits(limits: ResourceLimits, place: { owner: NetworkOwner; vmid: number }, facts: CgroupFacts): LimitPlan {
  checkOwner(place.owner);
  checkLimits(limits);
  const plan: LimitPlan = { join: [], make: [], write: [], missing: [] };
  if (facts.version === 1) planVersion1(limits, place, facts.mounts, plan);
  else if (facts.version === 2) planVersion2(limits, place, facts, plan);
  else for (const [, what] of wanted(limits)) plan.missing.push(`${what}: this host has no control groups that can be written`);
  return plan;
}

/** Version 1 counts from 2, and 1,024 is what everybody has. */
function version1Shares(shares: number): number {
  return Math.max(2, Math.round((shares * 1_024) / 100));
}

function planVersion2(
  limits: ResourceLimits,
  { owner, vmid }: { owner: string; vmid: number },
  facts: CgroupFacts & { version: 2 },
  plan: LimitPlan,
): void {
  const parent = `${facts.root}/nakhoda-${owner}`;
  const own = `${parent}/${vmid}`;
  const files: Record<string, [string, string][]> = {
    cpu: [
      ...(limits.cpuLimit === undefined ? [] : [['cpu.max', `${quota(limits.cpuLimit)} ${periodUs}`] as [string, string]]),
      ...(limits.cpuShares === undefined ? [] : [['cpu.weight', String(limits.cpuShares)] as [string, string]]),
    ],
    memory: limits.memoryMaxBytes === undefined ? [] : [['memory.max', String(limits.memoryMaxBytes)]],
    io: limits.ioWeight === undefined ? [] : [['io.weight', `default ${limits.ioWeight}`]],
  };
  const controllers = Object.keys(files).filter((name) => (files[name]?.length ?? 0) > 0);
  const there = controllers.filter((name) => facts.controllers.includes(name));
  for (const name of controllers)
    if (!there.includes(name)) plan.missing.push(`${name}: the kernel has no such controller, or another manager holds it`);
  if (there.length === 0) return;
  plan.make.push(parent, own);
  plan.join.push(own);
  const enable = there.map((name) => `+${name}`).join(' ');
  for (const folder of [facts.root, parent]) plan.write.push({ path: `${folder}/cgroup.subtree_control`, value: enable });
  for (const name of there) for (const [file, value] of files[name] ?? []) plan.write.push({ path: `${own}/${file}`, value });
}

function planVersion1(
  limits: ResourceLimits,
  { owner, vmid }: { owner: string; vmid: number },
  mounts: ReadonlyMap<string, string>,
  plan: LimitPlan,
): void {
  const made = new Set<string>();
  const put = (controller: string, what: string, files: [string, string][]): void => {
    const mount = mounts.get(controller);
    if (mount === undefined) {
      plan.missing.push(`${what}: there is no writable control group of ${controller}`);
      return;
    }
    const parent = `${mount}/nakhoda-${owner}`;
    const own = `${parent}/${vmid}`;
    if (!made.has(own)) {
      made.add(own);
      plan.make.push(parent, own);
      plan.join.push(own);
    }
    for (const [file, value] of files) plan.write.push({ path: `${own}/${file}`, value });
  };
  const { cpuLimit, cpuShares, memoryMaxBytes, ioWeight } = limits;
  if (cpuLimit !== undefined)
    put('cpu', 'cpu limit', [
      ['cpu.cfs_period_us', String(periodUs)],
      ['cpu.cfs_quota_us', String(quota(cpuLimit))],
    ]);
  if (cpuShares !== undefined) put('cpu', 'cpu shares', [['cpu.shares', String(version1Shares(cpuShares))]]);
  if (memoryMaxBytes !== undefined) put('memory', 'memory limit', [['memory.limit_in_bytes', String(memoryMaxBytes)]]);
  // Version 1 counts from 10 to 1,000, and only some of its schedulers do it at all.
  if (ioWeight !== undefined) plan.missing.push('disk weight: only version 2 of control groups has it everywhere');
}

function quota(cores: number): number {
  return Math.max(minQuotaUs, Math.round(cores * periodUs));
}

function wanted(limits: ResourceLimits): [unknown, string][] {
  const all: [unknown, string][] = [
    [limits.cpuLimit, 'cpu limit'],
    [limits.cpuShares, 'cpu shares'],
    [limits.memoryMaxBytes, 'memory limit'],
    [limits.ioWeight, 'disk weight'],
  ];
  return all.filter(([value]) => value !== undefined);
}

function checkLimits({ cpuLimit, cpuShares, memoryMaxBytes, ioWeight }: ResourceLimits): void {
  const inRange = (value: number | undefined, least: number, most: number): boolean =>
    value === undefined || (value >= least && value <= most);
  const whole = [cpuShares, memoryMaxBytes, ioWeight].every((value) => value === undefined || Number.isSafeInteger(value));
  if (
    whole &&
    inRange(cpuLimit, 0.01, 8_192) &&
    inRange(cpuShares, 1, 10_000) &&
    inRange(memoryMaxBytes, 1, 2 ** 53) &&
    inRange(ioWeight, 1, 10_000)
  )
    return;
  throw new RangeError(`Not limits: ${JSON.stringify({ cpuLimit, cpuShares, memoryMaxBytes, ioWeight })}`);
}

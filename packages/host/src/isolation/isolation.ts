import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { toNakhodaError } from '@nakhoda/schema';

import { waitForExit } from '../process.ts';
import { describeExit, readExit } from './exit-record.ts';
import { planView, readSystemFacts } from './private-view.ts';
import { spawnSupervised } from './supervise.ts';
import { vmIdentity } from './vm-identity.ts';

/** Whether programs can be given an identity and a file system of their own here, and if not, why. Whole sentences. */
export type IsolationProbe = { ok: true } | { ok: false; reason: string };

/** What decides without a try: root's powers may be cut down in a container. */
export interface IsolationFacts {
  uid: number;
  /** `CapEff` of /proc/self/status. */
  capabilities: bigint;
  /** /proc/self/uid_map: inside id, outside id, count. */
  uidMap: readonly (readonly [number, number, number])[];
}

/** linux/capability.h */
const needed: readonly (readonly [string, number])[] = [
  ['CAP_CHOWN', 0],
  ['CAP_SETGID', 6],
  ['CAP_SETUID', 7],
  ['CAP_SYS_ADMIN', 21],
  ['CAP_MKNOD', 27],
];

/** Why it cannot work, or null when it has to be tried. Pure. */
export function whyNotIsolated({ uid, capabilities, uidMap }: IsolationFacts): string | null {
  if (uid !== 0) return 'The daemon does not run as root, so its VMs run as its own user.';
  const missing = needed.filter(([, bit]) => (capabilities & (1n << BigInt(bit))) === 0n).map(([name]) => name);
  if (missing.length > 0) return `The daemon is root without ${missing.join(', ')}.`;
  const { uid: wanted } = vmIdentity({ owner: 'probe', vmid: 1 });
  if (!uidMap.some(([inside, , count]) => wanted >= inside && wanted < inside + count))
    return `The daemon runs in a user namespace in which there is no user ${wanted}.`;
  return null;
}

let result: Promise<IsolationProbe> | null = null;

/** Proves isolation by running `true` in it, once in this process. Takes about 20 ms. */
export function probeIsolation(): Promise<IsolationProbe> {
  result ??= probe().catch((error: unknown) => ({ ok: false as const, reason: toNakhodaError(error).message }));
  return result;
}

async function probe(): Promise<IsolationProbe> {
  const reason = whyNotIsolated(await readFacts());
  if (reason !== null) return { ok: false, reason };
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda-isolation-'));
  try {
    const exitPath = join(folder, 'exit');
    const logPath = join(folder, 'log');
    const view = planView({ lend: [], show: [], devices: [] }, await readSystemFacts());
    const plan = { exitPath, cgroups: [], view, identity: vmIdentity({ owner: 'probe', vmid: 1 }), argv: ['true'] };
    const { process, supervisor } = await spawnSupervised(plan, { planPath: join(folder, 'plan'), logPath });
    if (!(await waitForExit(supervisor, { timeoutMs: 10_000, pollMs: 2 })))
      return { ok: false, reason: 'A try of it did not end within 10 s.' };
    const exit = await readExit(exitPath, process);
    if (exit?.exitCode === 0) return { ok: true };
    const words = (await readFile(logPath, 'utf8')).trim().split('\n').at(-1) ?? '';
    return { ok: false, reason: `A try of it ${exit ? describeExit(exit) : 'came to nothing'}: ${words}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readFacts(): Promise<IsolationFacts> {
  const status = await readFile('/proc/self/status', 'utf8');
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '0 0 4294967295');
  return {
    uid: process.getuid?.() ?? -1,
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`),
    uidMap: map
      .trim()
      .split('\n')
      .map((line) => {
        const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
        return [inside, outside, count] as const;
      }),
  };
}

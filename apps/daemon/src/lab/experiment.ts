import type { DriverContext } from '@nakhoda/driver';
import type { HostSample, ProcessSample } from '@nakhoda/host';
import { type HypervisorId, toNakhodaError } from '@nakhoda/schema';

import { changeGuest, checkOwnAddress, checkPing, checkTransfer, type Finding, proveRollback, runLoad, writeMarker } from './checks.ts';
import type { LabGuest } from './lab-guest.ts';
import type { LoadResult } from './parse.ts';
import { type PlannedCheck, planChecks, type RawCheck } from './raw-check.ts';

/** What the load cost: on the host as a whole, and in each VM's process by vmid (null when it could not be read). */
export interface LoadSample {
  host: HostSample;
  processes: Record<number, ProcessSample | null>;
}

/** What the experiment does to the world; the daemon's own services behind it. */
export interface LabWorld {
  /** Makes a guest and starts it. Gives how long the start took, in seconds. */
  createGuest(hypervisor: HypervisorId): Promise<{ vmid: number; name: string; startSeconds: number }>;
  /** The guest, once something in it answers. @throws NakhodaError when nothing does within the limit */
  guestReady(hypervisor: HypervisorId, vmid: number): Promise<{ guest: LabGuest; channel: string }>;
  /** The guest's address as the daemon knows it. Null when none becomes known. */
  address(vmid: number): Promise<string | null>;
  takeSnapshot(vmid: number, name: string): Promise<{ seconds: number; memory: boolean }>;
  rollback(vmid: number, name: string): Promise<{ seconds: number }>;
  /** Samples the host, and the process of each of these VMs, while `work` runs. */
  sampleWhile<T>(vmids: readonly number[], work: () => Promise<T>): Promise<{ value: T; sample: LoadSample }>;
  /** Destroys every guest and the network of the experiment. Gives what is left, which should be nothing. */
  cleanUp(): Promise<{ leftovers: string[] }>;
}

const snapshotName = 'before-change';
/** Seconds that each load phase lasts. */
const loadSeconds = 10;

interface LabRun {
  guests: Map<HypervisorId, LabGuest>;
  addresses: Map<HypervisorId, string>;
  alone: Map<HypervisorId, LoadResult>;
}

/**
 * The experiment of the report: makes every planned check once and records each. A check whose premise
 * failed is `not-measured` with the reason; nothing is ever passed without having been observed.
 */
export async function runExperiment(options: {
  hypervisors: readonly HypervisorId[];
  /** Why a hypervisor cannot take part, by id. */
  unusable: ReadonlyMap<HypervisorId, string>;
  world: LabWorld;
  ctx: DriverContext;
  record(check: RawCheck): void;
}): Promise<void> {
  const { hypervisors, unusable, world, ctx, record } = options;
  const planned = planChecks(hypervisors);
  const run: LabRun = { guests: new Map(), addresses: new Map(), alone: new Map() };
  const vmids = new Map<HypervisorId, number>();
  let made = 0;

  const make = async (id: string, premise: () => string | null, act: (check: PlannedCheck) => Promise<Finding>): Promise<void> => {
    const check = planned.find((candidate) => candidate.id === id);
    if (!check) return;
    ctx.signal.throwIfAborted();
    const startedAt = new Date();
    const began = performance.now();
    const missing = premise();
    let outcome: Pick<RawCheck, 'status' | 'reason' | 'evidence'>;
    if (missing === null) {
      try {
        const finding = await act(check);
        outcome = {
          status: finding.passed ? 'passed' : 'failed',
          evidence: finding.evidence,
          ...(finding.reason ? { reason: finding.reason } : {}),
        };
      } catch (error) {
        ctx.signal.throwIfAborted();
        const failure = toNakhodaError(error);
        outcome = { status: 'failed', reason: failure.message, evidence: { code: failure.code } };
      }
    } else {
      outcome = { status: 'not-measured', reason: missing, evidence: {} };
    }
    const seconds = Math.round((performance.now() - began) / 10) / 100;
    record({ ...check, ...outcome, startedAt: startedAt.toISOString(), seconds });
    made += 1;
    ctx.progress(made / planned.length);
  };

  const needs =
    (...ids: HypervisorId[]) =>
    (): string | null => {
      const absent = ids.filter((id) => !run.guests.has(id));
      if (absent.length === 0) return null;
      return absent.map((id) => unusable.get(id) ?? `The ${id} guest did not boot.`).join(' ');
    };
  const guest = (id: HypervisorId): LabGuest => {
    const found = run.guests.get(id);
    if (!found) throw new Error(`no ${id} guest`);
    return found;
  };
  const addressOf = (id: HypervisorId): string => {
    const found = run.addresses.get(id);
    if (!found) throw new Error(`The address of the ${id} guest is not known.`);
    return found;
  };

  const boots = new Map<HypervisorId, Promise<Finding>>();
  const boot = async (id: HypervisorId): Promise<Finding> => {
    const began = performance.now();
    const { vmid, name, startSeconds } = await world.createGuest(id);
    vmids.set(id, vmid);
    const { guest: booted, channel } = await world.guestReady(id, vmid);
    const bootSeconds = Math.round((performance.now() - began) / 100) / 10;
    run.guests.set(id, booted);
    const kernel = (await booted.ask(['uname', '-a'])).trim();
    return { passed: true, evidence: { vmid, name, startSeconds, bootSeconds, channel, command: 'uname -a', output: kernel } };
  };
  // Both boot at the same time: that they can is the first thing to prove.
  for (const id of hypervisors) {
    if (unusable.has(id)) continue;
    const booting = boot(id);
    booting.catch(() => undefined);
    boots.set(id, booting);
  }
  for (const id of hypervisors) {
    await make(
      `boot.${id}`,
      () => unusable.get(id) ?? null,
      async () => boots.get(id) ?? { passed: false, reason: 'It was not started.', evidence: {} },
    );
  }

  for (const id of hypervisors) {
    await make(`address.${id}`, needs(id), async () => {
      const address = await world.address(vmids.get(id) ?? 0);
      if (address === null) return { passed: false, reason: 'No address became known by lease, agent or ARP.', evidence: { address } };
      run.addresses.set(id, address);
      return checkOwnAddress(guest(id), address, ctx.signal);
    });
  }

  for (const { id, from, to } of planned) {
    if (!from || !to) continue;
    if (id.startsWith('ping.')) await make(id, needs(from, to), () => checkPing(guest(from), addressOf(to)));
    else await make(id, needs(from, to), () => checkTransfer(guest(from), guest(to), addressOf(from)));
  }

  for (const id of hypervisors) {
    const vmid = vmids.get(id) ?? 0;
    const kept: { marker?: Awaited<ReturnType<typeof writeMarker>> } = {};
    await make(`snapshot.${id}`, needs(id), async () => {
      const marker = await writeMarker(guest(id));
      const taken = await world.takeSnapshot(vmid, snapshotName);
      kept.marker = marker;
      const evidence = { snapshot: snapshotName, snapshotSeconds: taken.seconds, memory: taken.memory, markerSha256: marker.sha256 };
      return taken.memory
        ? { passed: true, evidence }
        : { passed: false, reason: "The snapshot does not hold the guest's memory.", evidence };
    });
    await make(
      `rollback.${id}`,
      () => needs(id)() ?? (kept.marker ? null : `There is no snapshot of the ${id} guest to roll back to.`),
      async () => {
        const changed = await changeGuest(guest(id));
        const { seconds } = await world.rollback(vmid, snapshotName);
        const again = await world.guestReady(id, vmid);
        run.guests.set(id, again.guest);
        const proof = await proveRollback(again.guest, kept.marker as NonNullable<typeof kept.marker>);
        return { ...proof, evidence: { ...proof.evidence, rollbackSeconds: seconds, before: changed } };
      },
    );
  }

  const vmidOf = (id: HypervisorId): number => vmids.get(id) ?? 0;
  for (const id of hypervisors) {
    await make(`load.${id}`, needs(id), async () => {
      const { value, sample } = await world.sampleWhile([vmidOf(id)], () => runLoad(guest(id), loadSeconds));
      if (value) run.alone.set(id, value);
      const inside = await guest(id).ask(['sh', '-c', 'uptime; free']);
      return loadFinding(value, { host: sample.host, process: sample.processes[vmidOf(id)], command: 'uptime; free', output: inside });
    });
  }
  await make('load.both', needs(...hypervisors), async () => {
    const { value, sample } = await world.sampleWhile(hypervisors.map(vmidOf), () =>
      Promise.all(hypervisors.map(async (id) => [id, await runLoad(guest(id), loadSeconds)] as const)),
    );
    const guests = Object.fromEntries(
      value.map(([id, together]) => {
        const alone = run.alone.get(id)?.perSecond ?? null;
        const rate = together?.perSecond ?? null;
        const ratio = alone && rate !== null ? rate / alone : null;
        return [id, { alone, together: rate, ratio, process: sample.processes[vmidOf(id)] }];
      }),
    );
    const worked = value.every(([, together]) => together !== null && together.work > 0);
    return worked
      ? { passed: true, evidence: { guests, sample } }
      : { passed: false, reason: 'A guest did no work.', evidence: { guests, sample } };
  });

  await make(
    'cleanup',
    () => null,
    async () => {
      const { leftovers } = await world.cleanUp();
      return leftovers.length === 0
        ? { passed: true, evidence: { leftovers } }
        : { passed: false, reason: `Left over: ${leftovers.join(', ')}.`, evidence: { leftovers } };
    },
  );
}

function loadFinding(load: LoadResult | null, evidence: Record<string, unknown>): Finding {
  return load !== null && load.work > 0
    ? { passed: true, evidence: { ...load, ...evidence } }
    : { passed: false, reason: 'The guest did no work.', evidence: { ...load, ...evidence } };
}

import type { DriverContext, MachineSpec } from '@nakhoda/driver';
import {
  applyLimits,
  keepStandby,
  planLimits,
  readCgroupFacts,
  removeGroups,
  type ResourceLimits,
  spawnSupervised,
  startUnit,
  type SupervisedProcess,
  fileExists,
} from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import type { Environment } from './environment.ts';
import type { HostDevicePlan } from './host-devices.ts';
import { machinePaths } from './machine-paths.ts';

/** A QEMU that was started, with what has to be cleaned up after it. */
export interface LaunchedQemu extends SupervisedProcess {
  cgroups: string[];
}

/**
 * Starts QEMU for a VM: confined to what is its own, within its limits, as a unit of systemd or under our supervisor
 * alone. Nothing is left when it fails.
 *
 * @param options.ready resolves when it is on record that a QEMU may be there, and no sockets of an earlier run are
 * (`prepareRun`); nothing is started before
 */
export async function launchQemu(
  environment: Environment,
  ctx: Pick<DriverContext, 'log'>,
  spec: MachineSpec,
  options: { argv: readonly string[]; kvm: boolean; host: HostDevicePlan; ready: Promise<unknown> },
): Promise<LaunchedQemu> {
  const { argv, kvm, host, ready } = options;
  const { qemuLog, qemuLaunch } = machinePaths(spec);
  const limits = limitsOf(spec);
  if (await environment.systemd()) {
    const plan = await environment.confinement.plan(spec, argv, { kvm, cgroups: [], host });
    await ready;
    const unit = { name: `nakhoda-${environment.owner}-${spec.vmid}`, description: `Nakhoda VM ${spec.name} (${spec.vmid})` };
    try {
      return { ...(await startUnit(plan, { ...unit, limits, logPath: qemuLog, planPath: qemuLaunch })), cgroups: [] };
    } catch (error) {
      // A plan that was begun must not be begun again.
      if (!(await fileExists(qemuLaunch))) throw error;
      ctx.log(`systemd made no unit for it, so it runs without one: ${toNakhodaError(error).message}`);
    }
  }
  if (Object.keys(limits).length > 0) await ready;
  const cgroups = await putLimits(ctx, limits, { owner: environment.owner, vmid: spec.vmid });
  try {
    const plan = await environment.confinement.plan(spec, argv, { kvm, cgroups, host });
    await ready;
    return { ...(await spawnSupervised(plan, { planPath: qemuLaunch, logPath: qemuLog, standby: true })), cgroups };
  } catch (error) {
    await removeGroups(cgroups);
    throw error;
  }
}

const standbyDelayMs = 50;
let standbyTimer: NodeJS.Timeout | null = null;

/** Has a supervisor wait for the next start, once the present one, and others of the moment, have the processors no more. */
export async function keepStandbyLater(environment: Environment): Promise<void> {
  if (await environment.systemd()) return;
  standbyTimer ??= setTimeout(() => {
    standbyTimer = null;
    keepStandby();
  }, standbyDelayMs).unref();
}

/** What the spec says of the host's resources, without what is the same as no limit. */
function limitsOf({ cpuLimit, cpuShares }: MachineSpec): ResourceLimits {
  return { ...(cpuLimit === 0 ? {} : { cpuLimit }), ...(cpuShares === 100 ? {} : { cpuShares }) };
}

async function putLimits(
  ctx: Pick<DriverContext, 'log'>,
  limits: ResourceLimits,
  place: { owner: string; vmid: number },
): Promise<string[]> {
  if (Object.keys(limits).length === 0) return [];
  const plan = planLimits(limits, place, readCgroupFacts());
  for (const missing of plan.missing) ctx.log(`A limit cannot be kept here: ${missing}.`);
  await applyLimits(plan);
  return plan.join;
}

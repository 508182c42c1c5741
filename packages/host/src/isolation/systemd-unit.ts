import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';

import { NakhodaError } from '@nakhoda/schema';

import { exec } from '../exec.ts';
import { processArgv, processRef } from '../process.ts';
import { waitFor } from '../wait.ts';
import type { ResourceLimits } from './cgroup-limits.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { supervisedEnvironment, type SupervisedProcess, supervisorArgv, writeLaunchPlan } from './supervise.ts';

export interface UnitRequest {
  /** Without `.service`: letters, digits, `-`, `_`, `.`. */
  name: string;
  description: string;
  /** Absolute path of the file that both outputs are appended to. */
  logPath: string;
  limits: ResourceLimits;
  environment: Readonly<Record<string, string>>;
  argv: readonly string[];
}

/**
 * The systemd-run command that runs a program as a transient service of its own, in the slice of all VMs. When the
 * unit is stopped its main process alone is told, and what it leaves running stays. Pure.
 *
 * Options as systemd-run(1), systemd.service(5) and systemd.resource-control(5) of systemd 249 (Ubuntu 22.04) describe
 * them. Unproven: it was never run.
 */
export function systemdRunArgv(request: UnitRequest): string[] {
  const { cpuLimit, cpuShares, memoryMaxBytes, ioWeight } = request.limits;
  const properties = [
    'KillMode=process',
    'Restart=no',
    'OOMPolicy=continue',
    'TasksMax=infinity',
    'LimitCORE=0',
    `StandardOutput=append:${escapeSpecifiers(request.logPath)}`,
    `StandardError=append:${escapeSpecifiers(request.logPath)}`,
    ...(cpuLimit === undefined ? [] : [`CPUQuota=${Math.max(1, Math.round(cpuLimit * 100))}%`]),
    ...(cpuShares === undefined ? [] : [`CPUWeight=${cpuShares}`]),
    ...(memoryMaxBytes === undefined ? [] : [`MemoryMax=${memoryMaxBytes}`]),
    ...(ioWeight === undefined ? [] : [`IOWeight=${ioWeight}`]),
  ];
  return [
    ...['systemd-run', '--system', '--quiet', '--collect', '--service-type=exec', '--slice=nakhoda.slice'],
    ...[`--unit=${request.name}.service`, `--description=${request.description}`],
    ...properties.map((property) => `--property=${property}`),
    ...Object.entries(request.environment).map(([name, value]) => `--setenv=${name}=${value}`),
    '--',
    // systemd takes `$` for the beginning of a variable, and two for one.
    ...request.argv.map((part) => part.replaceAll('$', () => '$$')),
  ];
}

/** systemd takes `%` in a property for the beginning of a specifier. */
function escapeSpecifiers(value: string): string {
  return value.replaceAll('%', '%%');
}

/** Whether the host was booted with systemd (sd_booted(3)), and root's manager answers. Looks only. */
export async function findSystemd(): Promise<boolean> {
  const booted = await stat('/run/systemd/system').then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!booted || process.getuid?.() !== 0) return false;
  return exec(['systemctl', 'show', '--property=Version'], { timeoutMs: 5_000 }).then(
    () => true,
    () => false,
  );
}

/**
 * Starts a program as `spawnSupervised` does, with its supervisor as the main process of a transient unit.
 * @throws NakhodaError `exec.not-found`, `exec.failed`, `exec.timeout`. When the plan is still there then, nothing was started.
 */
export async function startUnit(
  plan: LaunchPlan,
  request: Omit<UnitRequest, 'argv' | 'environment'> & { planPath: string },
): Promise<SupervisedProcess> {
  await writeLaunchPlan(request.planPath, plan);
  const argv = supervisorArgv(request.planPath);
  await exec(systemdRunArgv({ ...request, argv, environment: supervisedEnvironment(process.env) }), { timeoutMs: 30_000 });
  const found = await waitFor(() => Promise.resolve(findSupervised(request.planPath)), { timeoutMs: 10_000, pollMs: 2 });
  if (found) return found;
  throw new NakhodaError('exec.failed', {
    message: `The unit ${request.name} was made, but its program is not there.`,
    hint: `Look at it: systemctl status ${request.name}`,
  });
}

/** The supervisor of that plan and its program, while both live; null otherwise. */
export function findSupervised(planPath: string): SupervisedProcess | null {
  const argv = supervisorArgv(planPath);
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  // Until it runs its program, the child has its parent's command line.
  const supervisors = pids.filter((pid) => argv.every((part, index) => processArgv(pid)?.[index] === part));
  for (const pid of pids) {
    const parent = parentOf(pid);
    if (parent === null || !supervisors.includes(parent)) continue;
    const [process, supervisor] = [processRef(pid), processRef(parent)];
    if (process && supervisor) return { process, supervisor };
  }
  return null;
}

/** Field 4 of /proc/PID/stat. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

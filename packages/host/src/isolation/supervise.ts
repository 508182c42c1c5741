import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { NakhodaError } from '@nakhoda/schema';

import { fileExists } from '../file-exists.ts';
import type { ProcessRef } from '../process.ts';
import { openLog, processRef, terminate } from '../process.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { encodeLaunchPlan } from './launch-plan.ts';
import { createStandby } from './standby.ts';

export const supervisorProgram = fileURLToPath(new URL('./supervisor.pl', import.meta.url));
/** It tells the process id before it sets anything up. */
const pidTimeoutMs = 10_000;

export interface SupervisedProcess {
  /** The program itself. */
  process: ProcessRef;
  /** Its parent, which waits for its end and puts it on record. */
  supervisor: ProcessRef;
}

/** The command that carries out the plan in the file. */
export function supervisorArgv(planPath: string): string[] {
  return ['perl', supervisorProgram, planPath];
}

/** As long as any path may be; see supervisor.pl. */
const padding = '-'.repeat(4096);

const standby = createStandby(() => {
  const [program = '', ...args] = supervisorArgv('-');
  return spawn(program, [...args, padding], {
    ...{ detached: true, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'], env: supervisedEnvironment(process.env) },
  });
});

/** Has a supervisor wait for the next program that is started with `standby`. It ends with this process. */
export function keepStandby(): void {
  standby.keep();
}

/** What a supervised program gets of the daemon's environment: nothing that only concerns the daemon, or is secret. */
export function supervisedEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = ['PATH', 'LD_LIBRARY_PATH'].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { ...Object.fromEntries(kept), LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };
}

/** Writes a plan for the supervisor, which deletes it when it begins. */
export async function writeLaunchPlan(planPath: string, plan: LaunchPlan): Promise<void> {
  const content = encodeLaunchPlan(plan);
  await rm(planPath, { force: true });
  await rm(plan.exitPath, { force: true });
  await using file = await open(planPath, 'wx', 0o600);
  await file.writeFile(content);
}

/**
 * Starts a program under a supervisor of its own; both outlive the daemon, and the program outlives its supervisor.
 * Returns when the program's process is there, before it runs what the plan says: what goes wrong then is in the log.
 *
 * @param options.planPath absolute; only the daemon's user may write in its folder
 * @param options.logPath file that both outputs are appended to; made with mode 0600
 * @param options.standby whether it may be the supervisor that waits for it, where one does; see `keepStandby`
 * @throws NakhodaError `exec.not-found` without perl, `exec.failed`; nothing runs then
 */
export async function spawnSupervised(
  plan: LaunchPlan,
  options: { planPath: string; logPath: string; standby?: boolean },
): Promise<SupervisedProcess> {
  const { planPath, logPath } = options;
  await writeLaunchPlan(planPath, plan);
  const waiting = options.standby === true ? standby.take() : null;
  try {
    if (waiting) {
      waiting.stdin?.end(`${planPath}\0${logPath}\0`);
      try {
        return await supervisedBy(waiting, logPath);
      } catch (error) {
        // It had ended before it was told anything; a plan that was begun must not be begun again.
        if (!(await fileExists(planPath))) throw error;
      }
    }
    return await supervisedBy(startSupervisor(options), logPath);
  } catch (error) {
    await rm(planPath, { force: true });
    throw error;
  }
}

/** What the supervisor tells of its program. Where it tells nothing it is ended. */
async function supervisedBy(child: ChildProcess, logPath: string): Promise<SupervisedProcess> {
  child.unref();
  const { stdout } = child;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  child.once('error', (error: NodeJS.ErrnoException) => {
    const notFound = error.code === 'ENOENT';
    const hint = notFound ? 'Install it: apt-get install perl-base' : 'Look at the limits of the host: processes, memory.';
    failure.reject(
      new NakhodaError(notFound ? 'exec.not-found' : 'exec.failed', {
        message: `perl could not be started: ${error.message}`,
        hint,
        cause: error,
      }),
    );
  });
  const timer = setTimeout(() => failure.reject(silentError(logPath)), pidTimeoutMs);
  try {
    const pid = await Promise.race([stdout ? readPid(stdout) : null, failure.promise]);
    const found = { process: processRef(pid ?? 0), supervisor: child.pid === undefined ? null : processRef(child.pid) };
    if (pid === null) throw silentError(logPath);
    // Whoever is gone already can still be asked about: it does not live.
    return { process: found.process ?? gone(pid), supervisor: found.supervisor ?? gone(child.pid ?? 0) };
  } catch (error) {
    const ref = child.pid === undefined ? null : processRef(child.pid);
    if (ref) await terminate(ref, { graceMs: 0 });
    throw error;
  } finally {
    clearTimeout(timer);
    stdout?.destroy();
  }
}

function startSupervisor({ planPath, logPath }: { planPath: string; logPath: string }): ChildProcess {
  const [program = '', ...args] = supervisorArgv(planPath);
  const log = openLog(logPath);
  try {
    return spawn(program, args, { detached: true, cwd: '/', stdio: ['ignore', 'pipe', log], env: supervisedEnvironment(process.env) });
  } finally {
    closeSync(log);
  }
}

/** The number on the first line, or null when it ends without one. */
async function readPid(output: Readable): Promise<number | null> {
  let text = '';
  for await (const chunk of output) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return /^\d+\n/.test(text) ? Number.parseInt(text, 10) : null;
}

function gone(pid: number): ProcessRef {
  return { pid, startTicks: -1, bootId: processRef(process.pid)?.bootId ?? '' };
}

function silentError(logPath: string): NakhodaError {
  return new NakhodaError('exec.failed', { message: 'The supervisor did not start the program.', hint: `Its words are in ${logPath}.` });
}

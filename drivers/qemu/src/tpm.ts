import { lchown, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { isAlive, processArgv, processRef, type ProcessRef, spawnSupervised, terminate, waitFor, fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { Environment } from './environment.ts';
import { machinePaths } from './machine-paths.ts';

const listenTimeoutMs = 10_000;

/**
 * Starts the process that is a VM's TPM: it keeps its state in the VM's folder, listens for one QEMU, and ends when
 * that has gone (`--terminate`). A guest talks to it, so it is confined as QEMU is. Returns when it listens.
 */
export async function startTpm(environment: Environment, spec: MachineSpec): Promise<ProcessRef> {
  const { tpmState, tpmSocket, tpmLog, tpmLaunch, tpmExit } = machinePaths(spec);
  await mkdir(tpmState, { recursive: true, mode: 0o700 });
  await rm(tpmSocket, { force: true });
  const plan = await environment.confinement.plan(spec, tpmArgv(spec), { kvm: false, cgroups: [] });
  if (plan.identity) {
    const { uid, gid } = plan.identity;
    for (const path of [tpmState, ...(await readdir(tpmState)).map((name) => join(tpmState, name))]) await lchown(path, uid, gid);
  }
  const { process } = await spawnSupervised({ ...plan, userfaultfd: false, exitPath: tpmExit }, { planPath: tpmLaunch, logPath: tpmLog });
  if (await waitFor(async () => (await fileExists(tpmSocket)) || !isAlive(process), { timeoutMs: listenTimeoutMs, pollMs: 5 })) {
    if (isAlive(process)) return process;
  }
  await endTpm(spec, process);
  throw new NakhodaError('vm.start-failed', {
    message: `VM ${spec.name}: the TPM's process (swtpm) did not start.`,
    hint: `Its last words are in ${tpmLog}.`,
  });
}

/** swtpm's command line. Its options end a value at a comma and know no way around that. Pure. */
export function tpmArgv(spec: Pick<MachineSpec, 'directory' | 'runtimeDirectory'>): string[] {
  const { tpmState, tpmSocket } = machinePaths(spec);
  return [
    ...['swtpm', 'socket', '--tpm2'],
    ...['--tpmstate', `dir=${tpmState},mode=0600`],
    ...['--ctrl', `type=unixio,path=${tpmSocket},mode=0600`],
    '--terminate',
  ];
}

/** Ends it; it writes its state whenever that changes, so nothing is lost. Returns when it is gone. */
export async function endTpm(spec: MachineSpec, process: ProcessRef): Promise<void> {
  await terminate(process, { graceMs: 2_000 });
  await rm(machinePaths(spec).tpmSocket, { force: true });
}

/** The TPM's process of this VM that nobody wrote down: the daemon died just after it had started it. */
export async function findTpmOrphan(spec: MachineSpec): Promise<ProcessRef | null> {
  const control = tpmArgv(spec).find((argument) => argument.startsWith('type=unixio,'));
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || control === undefined) continue;
    if (processArgv(Number(entry))?.includes(control) !== true) continue;
    const ref = processRef(Number(entry));
    if (ref && isAlive(ref)) return ref;
  }
  return null;
}

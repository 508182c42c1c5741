import { open, readdir, rename, rm } from 'node:fs/promises';

import {
  describeExit,
  isAlive,
  processArgv,
  processRef,
  type ProcessRef,
  readExit,
  removeGroups,
  terminate,
  waitForExit,
} from '@nakhoda/host';

import { machinePaths } from './machine-paths.ts';
import type { RunRecord } from './machine-record.ts';
import type { MachineSpec } from '@nakhoda/driver';

/** The supervisor has nothing to do after QEMU's end but to write it down. */
const supervisorTimeoutMs = 2_000;

/** Makes room for a run: a fresh log, and no sockets of an earlier one. */
export async function prepareRun(spec: MachineSpec): Promise<void> {
  const { qemuLog } = machinePaths(spec);
  await removeSockets(spec);
  await rename(qemuLog, `${qemuLog}.1`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Removes what a run leaves outside its log and record, after its process is gone. Idempotent. */
export async function cleanUpRun(spec: MachineSpec, run: Pick<RunRecord, 'supervisor' | 'cgroups'> | null): Promise<void> {
  const { qemuLaunch, qemuExit } = machinePaths(spec);
  await supervisorEnds(run, supervisorTimeoutMs);
  await removeGroups(run?.cgroups ?? []);
  await rm(qemuLaunch, { force: true });
  for (const path of [qemuExit, `${qemuExit}.new`]) await rm(path, { force: true });
}

/** How a run's QEMU ended, in words; null when nobody wrote it down. */
export async function readHowEnded(spec: MachineSpec, run: RunRecord): Promise<string | null> {
  await supervisorEnds(run, 200);
  const exit = await readExit(machinePaths(spec).qemuExit, run.process);
  return exit && describeExit(exit);
}

async function supervisorEnds(run: Pick<RunRecord, 'supervisor'> | null, timeoutMs: number): Promise<void> {
  if (run?.supervisor) await waitForExit(run.supervisor, { timeoutMs, pollMs: 2 });
}

/** QEMU leaves its sockets behind when it is killed. */
export async function removeSockets(spec: MachineSpec): Promise<void> {
  const { qmpSocket, serialSocket, secondSerialSocket, agentSocket, memorySocket, vncSocket } = machinePaths(spec);
  for (const path of [qmpSocket, serialSocket, secondSerialSocket, agentSocket, memorySocket, vncSocket]) await rm(path, { force: true });
}

/** Ends a QEMU at once, whatever it does. Returns when it is gone. */
export async function killQemu(process: ProcessRef): Promise<void> {
  await terminate(process, { graceMs: 0 });
}

/** True when the process ends by itself within the time. */
export function endsWithin(process: ProcessRef, timeoutMs: number): Promise<boolean> {
  return waitForExit(process, { timeoutMs, pollMs: Math.min(10, timeoutMs) });
}

/** The end of QEMU's log as one line, at most 600 characters; empty when it said nothing. */
export async function readLastWords(spec: MachineSpec): Promise<string> {
  let text: string;
  try {
    await using file = await open(machinePaths(spec).qemuLog, 'r');
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, Math.max(0, size - 4096));
    text = buffer.subarray(0, bytesRead).toString('utf8');
  } catch {
    return '';
  }
  const lines = text
    .split('\n')
    .map((line) => line.replace(/^\S*qemu-system-\S+: /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('warning: '));
  return lines.slice(-3).join(' ').slice(-600);
}

/**
 * Ends a QEMU of this VM whose process id was never written down, the daemon having died just after it had started it:
 * its supervisor first, which may be about to start it.
 */
export async function killOrphans(spec: MachineSpec): Promise<void> {
  // A supervisor that comes to it only now has nothing to start.
  await rm(machinePaths(spec).qemuLaunch, { force: true });
  for (let orphan = await findOrphan(spec); orphan; orphan = await findOrphan(spec)) await killQemu(orphan);
}

async function findOrphan(spec: MachineSpec): Promise<ProcessRef | null> {
  const { qmpSocket, qemuLaunch } = machinePaths(spec);
  const isQemu = (argument: string): boolean => argument.startsWith('socket,id=qmp,') && argument.includes(qmpSocket.replaceAll(',', ',,'));
  const found: ProcessRef[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const argv = processArgv(Number(entry)) ?? [];
    // The name of one that was waiting for its plan is filled up with blanks.
    const isSupervisor = argv.some((argument) => argument.trimEnd() === qemuLaunch);
    const ref = isSupervisor || argv.some(isQemu) ? processRef(Number(entry)) : null;
    if (ref && isSupervisor) return ref;
    if (ref && isAlive(ref)) found.push(ref);
  }
  return found[0] ?? null;
}

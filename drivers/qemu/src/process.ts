import { open, readdir, rename, rm } from 'node:fs/promises';

import { isAlive, processArgv, processRef, type ProcessRef, spawnDetached, terminate, waitForExit } from '@nakhoda/host';

import { machinePaths } from './machine-paths.ts';
import type { MachineSpec } from '@nakhoda/driver';

/** Starts QEMU, in a session of its own, with a fresh log; stale sockets of an earlier run are removed first. */
export async function spawnQemu(spec: MachineSpec, argv: readonly string[]): Promise<ProcessRef> {
  const { qemuLog } = machinePaths(spec);
  await removeSockets(spec);
  await rename(qemuLog, `${qemuLog}.1`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return spawnDetached(argv, { logPath: qemuLog, cwd: '/' });
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
  return waitForExit(process, { timeoutMs, pollMs: 10 });
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

/** A QEMU of this VM whose process id was never written down: the daemon died just after it had started it. */
export async function findOrphan(spec: MachineSpec): Promise<ProcessRef | null> {
  const { qmpSocket } = machinePaths(spec);
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const argv = processArgv(Number(entry));
    if (!argv?.some((argument) => argument.startsWith('socket,id=qmp,') && argument.includes(qmpSocket.replaceAll(',', ',,')))) continue;
    const ref = processRef(Number(entry));
    if (ref && isAlive(ref)) return ref;
  }
  return null;
}

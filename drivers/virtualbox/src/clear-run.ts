import { readdir, rm } from 'node:fs/promises';

import { isAlive, processArgv, processRef, terminate } from '@nakhoda/host';

import { agentSocket, serialSocket } from './definition-plan.ts';
import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';
import { runPaths } from './run-paths.ts';
import { removeRunFile } from './run-record.ts';
import type { RunFile } from './run-record.ts';

/**
 * Takes note of a run's end: ends what is left of its display and removes its record and sockets.
 * From then on the VM counts as stopped. Logs stay for those who want to read them.
 */
export async function clearRun(parts: Parts, machine: KnownMachine, run: RunFile | null): Promise<void> {
  const { runtimeDirectory } = machine.spec;
  parts.consoles.detach(machine.vmid);
  const display = run !== null && 'run' in run ? run.run.display : null;
  if (display !== null && isAlive(display)) await terminate(display, { graceMs: 2000 });
  if (run !== null && 'launching' in run) await endUnrecorded(machine);
  const { authority, xdg } = runPaths(runtimeDirectory);
  for (const path of [serialSocket(runtimeDirectory), agentSocket(runtimeDirectory), authority, xdg]) {
    await rm(path, { recursive: true, force: true });
  }
  await removeRunFile(runtimeDirectory);
  parts.changed(machine.vmid);
}

/** Ends what a daemon had started for the VM when it was killed before it could write that down. */
async function endUnrecorded({ uuid, spec }: KnownMachine): Promise<void> {
  const { authority } = runPaths(spec.runtimeDirectory);
  for (const entry of await readdir('/proc')) {
    const argv = /^\d+$/.test(entry) ? processArgv(Number(entry)) : null;
    const isFrontEnd = argv?.includes('--startvm') && argv.includes(uuid);
    if (!isFrontEnd && !argv?.includes(authority)) continue;
    const process = processRef(Number(entry));
    if (process !== null) await terminate(process, { graceMs: 2000 });
  }
}

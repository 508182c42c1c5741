import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { isAlive, terminate } from '@nakhoda/host';

import { agentSocket, serialSocket } from './definition-plan.ts';
import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';
import { removeRunFile } from './run-record.ts';
import type { RunFile } from './run-record.ts';

/** Where a run's helpers keep their things in the VM's runtime folder. */
export function runPaths(runtimeDirectory: string) {
  return {
    /** What the front end prints; it says there why it cannot show its window. */
    frontEndLog: join(runtimeDirectory, 'front-end.log'),
    displayLog: join(runtimeDirectory, 'display.log'),
    /** The cookie without which nobody can use the display. */
    authority: join(runtimeDirectory, 'xauthority'),
    /** Qt's XDG_RUNTIME_DIR. */
    xdg: join(runtimeDirectory, 'xdg'),
    /** All that the guest printed on its first serial port. */
    serialLog: join(runtimeDirectory, 'serial.log'),
  };
}

/**
 * Takes note of a run's end: ends what is left of its display and removes its record and sockets.
 * From then on the VM counts as stopped. Logs stay for those who want to read them.
 */
export async function clearRun(parts: Parts, machine: KnownMachine, run: RunFile | null): Promise<void> {
  const { runtimeDirectory } = machine.spec;
  parts.consoles.detach(machine.vmid);
  const display = run !== null && 'run' in run ? run.run.display : null;
  if (display !== null && isAlive(display)) await terminate(display, { graceMs: 2000 });
  const { authority, xdg } = runPaths(runtimeDirectory);
  for (const path of [serialSocket(runtimeDirectory), agentSocket(runtimeDirectory), authority, xdg]) {
    await rm(path, { recursive: true, force: true });
  }
  await removeRunFile(runtimeDirectory);
  parts.changed();
}

/** Everything that runs left in a VM's runtime folder. */
export async function removeRuntimeFiles(runtimeDirectory: string): Promise<void> {
  const { serialLog, ...others } = runPaths(runtimeDirectory);
  for (const path of [...Object.values(others), serialLog, `${serialLog}.1`]) await rm(path, { recursive: true, force: true });
}

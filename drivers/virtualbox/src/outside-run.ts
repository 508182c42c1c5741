import { statSync } from 'node:fs';

import { processArgv, processRef } from '@nakhoda/host';

import type { MachineLog } from './machine-log.ts';
import type { RunRecord } from './run-record.ts';

/** States in which a front end is on its way out; the machine is off. */
const ended = new Set(['PoweredOff', 'Saved', 'Aborted']);

/**
 * The run of a VM that somebody started with VirtualBox's own tools: VirtualBox's process that writes the VM's log and
 * was told to start it. Null when there is none.
 */
export function findOutsideRun(uuid: string, log: MachineLog): RunRecord | null {
  if (log.pid === null || ended.has(log.state ?? '')) return null;
  const argv = processArgv(log.pid);
  const process = processRef(log.pid);
  if (process === null || argv === null || !argv.includes('--startvm')) return null;
  const started = argv[argv.indexOf('--startvm') + 1];
  if (started?.replace(/^\{|\}$/g, '').toLowerCase() !== uuid) return null;
  const interpreter = argv.includes('--driverless');
  return {
    process,
    display: null,
    execution: {
      mode: interpreter ? 'interpreter' : 'hardware',
      reason: `Somebody started it with VirtualBox's own tools, ${interpreter ? 'without' : 'with'} its kernel driver.`,
    },
    startedAt: statSync(`/proc/${process.pid}`, { throwIfNoEntry: false })?.ctime.toISOString() ?? new Date().toISOString(),
  };
}

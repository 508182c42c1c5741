import type { VmState } from '@nakhoda/schema';

import type { MachineLog } from './machine-log.ts';
import type { RunFile } from './run-record.ts';

/** What there is to judge a VM's state by. */
export interface Evidence {
  run: RunFile | null;
  /** Whether the run's process lives. */
  alive: boolean;
  /** Whether the run began after this boot of the host. */
  thisBoot: boolean;
  log: MachineLog;
}

/** VirtualBox's states (its API's `MachineState`) of a machine whose process lives; others are on the way up. */
const liveStates: Record<string, VmState> = {
  Running: 'running',
  LiveSnapshotting: 'running',
  OnlineSnapshotting: 'running',
  DeletingSnapshotOnline: 'running',
  Teleporting: 'running',
  Paused: 'paused',
  DeletingSnapshotPaused: 'paused',
  GuruMeditation: 'crashed',
  Stopping: 'stopping',
  Saving: 'stopping',
  Saved: 'stopping',
  PoweredOff: 'stopping',
  Aborted: 'stopping',
};

/**
 * A VM's state from its run's record, its process and its log. The `aborted` mark in the `.vbox` file is left
 * out: it comes seconds later than the end of the process, and stays until the next start.
 */
export function judgeState(evidence: Evidence): { state: VmState; reason?: string } {
  const { run, alive, thisBoot, log } = evidence;
  if (run === null) return { state: 'stopped' };
  if ('failure' in run) return { state: 'stopped', reason: run.failure };
  if ('launching' in run) return { state: 'stopped' };
  const ownLog = log.pid === run.run.process.pid ? log : null;
  if (alive) {
    const state = liveStates[ownLog?.state ?? ''] ?? 'starting';
    const reason = state === 'crashed' ? 'VirtualBox stopped the guest: Guru Meditation.' : undefined;
    const trouble = state === 'crashed' || state === 'paused' ? ownLog?.trouble : null;
    const said = [reason, trouble].filter((part) => typeof part === 'string').join(' ');
    return said === '' ? { state } : { state, reason: said };
  }
  // The front end leaves by itself after the guest's power-off; its log says so before it goes.
  if (ownLog?.state === 'PoweredOff' || ownLog?.state === 'Saved') return { state: 'stopped' };
  if (!thisBoot) return { state: 'crashed', reason: 'The host went down while the VM ran.' };
  const trouble = ownLog?.trouble ? ` VirtualBox's last complaint: ${ownLog.trouble}` : '';
  return {
    state: 'crashed',
    reason: `VirtualBox's process ${run.run.process.pid} ended while the guest ran; somebody or something killed it.${trouble}`,
  };
}

import type { MachineStatus } from '@nakhoda/driver';
import type { VmState } from '@nakhoda/schema';

import type { BootRecord, MachineRecord, RunRecord } from './machine-record.ts';
import type { BlockInfo, RunState } from './qmp/commands.ts';

/** What this driver is doing to a VM just now. */
export interface Activity {
  state: VmState;
  reason: string;
}

/** Slots of disks, by what became of their requests. */
export interface DiskFaults {
  /** There was no room for what the guest wrote. */
  full: string[];
  failed: string[];
}

/** All that a VM's state is derived from. */
export interface Observation {
  record: Pick<MachineRecord, 'spec' | 'clone'>;
  boot: BootRecord | null;
  /** Whether exactly the process of the boot record lives. */
  alive: boolean;
  /** What QEMU says; null when it does not answer. */
  runState: RunState | null;
  activity: Activity | null;
  /** Disks whose requests failed, and stopped the guest; null where QEMU did not tell. */
  diskFaults: DiskFaults | null;
  /** Whether the process that was its TPM is gone. */
  tpmEnded: boolean;
  /** The present run of the host; another one's processes are gone without having crashed. */
  bootId: string;
  /** QEMU's last words, for the reason of a crash. */
  lastWords: string;
  /** How QEMU ended (`was killed by signal 9`), where its supervisor could put that down. */
  howEnded: string | null;
  currentSnapshot: string | null;
  /** A rollback that was not finished. */
  pendingRollback: string | null;
  /** Its memory lies on disk. */
  suspended: boolean;
}

/** A VM's status from what was observed. Pure. */
export function deriveStatus(observation: Observation): MachineStatus {
  const { record, boot, alive, currentSnapshot } = observation;
  const { state, reason } = deriveState(observation);
  return {
    vmid: record.spec.vmid,
    uuid: record.spec.uuid,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(boot?.kind === 'run' && alive ? { execution: boot.execution, pid: boot.process.pid, startedAt: boot.startedAt } : {}),
    ...(currentSnapshot === null ? {} : { currentSnapshot }),
    ...(state === 'crashed' && alive ? { standing: true } : {}),
    ...(observation.suspended && !alive ? { suspended: true } : {}),
  };
}

function deriveState(observation: Observation): { state: VmState; reason?: string } {
  const { record, boot, alive, activity, bootId, pendingRollback } = observation;
  if (boot?.kind !== 'run' || !alive) {
    if (activity?.state === 'starting') return activity;
    if (boot?.kind === 'run' && boot.ending === null) {
      if (boot.process.bootId !== bootId) return { state: 'stopped', reason: 'The host was restarted while the VM ran.' };
      if (!boot.begun) return { state: 'stopped', reason: 'The start of the VM was interrupted.' };
      return { state: 'crashed', reason: crashReason(boot.process.pid, observation) };
    }
    if (boot?.kind === 'failed') return { state: 'stopped', reason: boot.reason };
    if (pendingRollback !== null) return { state: 'stopped', reason: interruptedRollback(pendingRollback) };
    if (record.clone?.reading) return { state: 'stopped', reason: 'It is a clone that is being made, or was not finished.' };
    return { state: 'stopped' };
  }
  return deriveLiveState(observation, boot);
}

function deriveLiveState(
  { runState, activity, pendingRollback, lastWords, tpmEnded, diskFaults }: Observation,
  { begun, held, process: { pid } }: RunRecord,
): { state: VmState; reason?: string } {
  switch (runState) {
    case 'running':
      // Whatever else is being done to it, its processors run; only a shutdown is worth telling.
      if (activity?.state === 'stopping') return activity;
      if (!tpmEnded) return { state: 'running' };
      return { state: 'running', reason: "The TPM's process (swtpm) has ended: the guest has none until the VM is stopped and started." };
    case 'guest-panicked':
      return crashed("The guest's kernel panicked; its last words are on the serial console.", held);
    case 'internal-error':
      return crashed(`QEMU stopped the guest after an internal error. ${lastWords}`.trim(), held);
    case 'shutdown':
      return { state: 'stopping', reason: 'The guest has powered itself off; QEMU is being ended.' };
    case 'io-error':
      return { state: 'paused', reason: diskReason(diskFaults) };
    case 'watchdog':
      return activity ?? { state: 'paused', reason: 'The guest did not feed its watchdog, which has paused it.' };
    case null:
      // QEMU's main loop answers nothing while it starts, or writes and reads memory.
      return activity ?? { state: 'unknown', reason: `The QEMU process ${pid} lives, but does not answer.` };
    case 'colo':
    case 'debug':
    case 'finish-migrate':
    case 'inmigrate':
    case 'paused':
    case 'postmigrate':
    case 'prelaunch':
    case 'restore-vm':
    case 'save-vm':
    case 'suspended':
      if (activity) return activity;
      if (!begun) return { state: 'starting' };
      if (pendingRollback !== null) return { state: 'paused', reason: interruptedRollback(pendingRollback) };
      return { state: 'paused', reason: `QEMU has stopped the guest's processors (${runState}).` };
  }
}

function diskReason(faults: DiskFaults | null): string {
  const name = (slots: string[]): string => slots.join(', ');
  if (faults && faults.full.length > 0)
    return `There is no room for what the guest writes to ${name(faults.full)}: the storage is full. Nothing is lost: make room, then resume it.`;
  if (faults && faults.failed.length > 0) return `The storage of ${name(faults.failed)} reported an error. Mend it, then resume the VM.`;
  return 'A disk reported an error, for example because the storage is full.';
}

/** What QEMU's list of drives (`query-block`) tells of disks whose requests failed. Pure. */
export function diskFaultsOf(drives: readonly BlockInfo[]): DiskFaults {
  const slots = (status: BlockInfo['io-status']): string[] =>
    drives.filter((drive) => drive['io-status'] === status).map(({ qdev = '' }) => /\bdisk\d\b/u.exec(qdev)?.[0] ?? 'a disk');
  return { full: slots('nospace'), failed: slots('failed') };
}

function crashed(reason: string, held: boolean | undefined): { state: VmState; reason: string } {
  return held ? { state: 'paused', reason: `${reason} It is kept for a look; a reset starts it anew.` } : { state: 'crashed', reason };
}

function interruptedRollback(name: string): string {
  return `The rollback to ${name} was interrupted; roll back again.`;
}

function crashReason(pid: number, { lastWords, howEnded }: Observation): string {
  const reason =
    howEnded === null
      ? `The QEMU process ${pid} ended although nobody had told it to: it was killed, or it failed.`
      : `The QEMU process ${pid} ${howEnded}; nobody had told it to end.`;
  return lastWords === '' ? reason : `${reason} Its last words: ${lastWords}`;
}

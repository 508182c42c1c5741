import type { Task } from '@nakhoda/schema';

/** A VM as the tasks that were done on it leave it. */
export interface LedgerVm {
  name: string;
  /** Null where the last task was cut off at a point that does not tell. */
  running: boolean | null;
  snapshots: string[];
}

export interface Ledger {
  /** By vmid. */
  vms: Map<number, LedgerVm>;
  networks: Set<string>;
}

/** Snapshots of the random workload tell by their name whether they hold memory. */
export const memorySnapshot = /^m/u;

/**
 * What there must be when these tasks, and no others, have ended. Pure. Tasks on one object take turns in the order of
 * their ids, so the order of ids is the order of effects.
 */
export function settle(tasks: readonly Task[]): Ledger {
  const ledger: Ledger = { vms: new Map(), networks: new Set() };
  for (const task of tasks.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const [kind = '', target = ''] = task.target?.split('/') ?? [];
    if (kind === 'network') settleNetwork(ledger, task, target);
    else settleVm(ledger, task, Number(target));
  }
  return ledger;
}

function settleNetwork({ networks }: Ledger, task: Task, name: string): void {
  if (task.state !== 'succeeded') return;
  if (task.kind === 'network.create') networks.add(name);
  else networks.delete(name);
}

function settleVm({ vms }: Ledger, task: Task, vmid: number): void {
  if (task.kind === 'vm.create') {
    const name = /^Make (\S+) /u.exec(task.title)?.[1] ?? '';
    const running = task.steps.some((step) => step.name === 'start it');
    if (task.state === 'succeeded') vms.set(vmid, { name, running, snapshots: [] });
    return;
  }
  const vm = vms.get(vmid);
  if (!vm) return;
  if (task.state === 'succeeded') settleSuccess(vms, vmid, vm, task);
  else settleFailure(vm, task);
}

function settleSuccess(vms: Ledger['vms'], vmid: number, vm: LedgerVm, task: Task): void {
  const snapshot = /snapshot (\S+) of | back to (\S+)$/u.exec(task.title);
  const name = snapshot?.[1] ?? snapshot?.[2] ?? '';
  switch (task.kind) {
    case 'vm.destroy':
      vms.delete(vmid);
      return;
    case 'vm.start':
      vm.running = true;
      return;
    case 'vm.stop':
    case 'vm.shutdown':
      vm.running = false;
      return;
    case 'snapshot.take':
      vm.snapshots.push(name);
      return;
    case 'snapshot.delete':
      vm.snapshots = vm.snapshots.filter((other) => other !== name);
      return;
    case 'snapshot.rollback':
      vm.running = memorySnapshot.test(name);
      return;
    default:
      throw new Error(`The ledger knows no tasks of the kind ${task.kind}.`);
  }
}

/** A start is undone; what cannot be undone may have happened before it was cancelled. */
function settleFailure(vm: LedgerVm, task: Task): void {
  if (task.kind === 'vm.start' && task.steps.some((step) => step.name === 'start it' && step.state === 'undone')) vm.running = false;
  if (task.state === 'cancelled' && ['vm.stop', 'vm.shutdown', 'snapshot.rollback'].includes(task.kind)) vm.running = null;
}

import type { HostFact, Hypervisor, Network, Task, Vm } from '@nakhoda/schema';

/** Something that is not as it should be: what, the evidence for it, and what to do. */
export interface Problem {
  /** The same for the same problem after every change. */
  readonly id: string;
  readonly severity: 'danger' | 'warning';
  readonly kind: 'vm-crashed' | 'vm-changed' | 'hypervisor' | 'network' | 'task-stuck' | 'host';
  readonly subject: string;
  readonly evidence: string;
  readonly remedy: string | null;
  readonly vmid?: number;
  readonly taskId?: string;
}

export interface ProblemSources {
  readonly vms: readonly Vm[];
  readonly networks: readonly Network[];
  readonly hypervisors: readonly Hypervisor[];
  readonly tasks: readonly Task[];
  readonly facts: readonly HostFact[];
}

/** What the overview shows as open problems, the worst first. */
export function findProblems({ vms, networks, hypervisors, tasks, facts }: ProblemSources): Problem[] {
  const found: Problem[] = [
    ...tasks
      .filter(({ state }) => state === 'stuck')
      .map((task): Problem => ({
        id: `task/${task.id}`,
        severity: 'danger',
        kind: 'task-stuck',
        subject: task.title,
        evidence: task.error?.message ?? '',
        remedy: task.error?.hint ?? null,
        taskId: task.id,
      })),
    ...vms
      .filter(({ state }) => state === 'crashed')
      .map((vm): Problem => ({
        id: `vm/${vm.vmid}/crashed`,
        severity: 'danger',
        kind: 'vm-crashed',
        subject: vm.name,
        evidence: vm.stateReason ?? '',
        remedy: null,
        vmid: vm.vmid,
      })),
    ...hypervisors
      .filter(({ usable }) => !usable)
      .map((one): Problem => ({
        id: `hypervisor/${one.id}`,
        severity: 'danger',
        kind: 'hypervisor',
        subject: one.id,
        evidence: one.reasons.join(' '),
        remedy: one.remedy ?? null,
      })),
    ...networks
      .filter(({ state }) => state !== 'up')
      .map((network): Problem => ({
        id: `network/${network.name}`,
        severity: network.state === 'down' ? 'danger' : 'warning',
        kind: 'network',
        subject: network.name,
        evidence: network.stateReason ?? network.state,
        remedy: null,
      })),
    ...facts
      .filter(({ status }) => status === 'missing')
      .map((fact): Problem => ({
        id: `host/${fact.id}`,
        severity: 'warning',
        kind: 'host',
        subject: fact.title,
        evidence: fact.reason,
        remedy: fact.remedy ?? null,
      })),
    ...vms
      .filter(({ changedOutside }) => changedOutside !== undefined && changedOutside.length > 0)
      .map((vm): Problem => ({
        id: `vm/${vm.vmid}/changed`,
        severity: 'warning',
        kind: 'vm-changed',
        subject: vm.name,
        evidence: vm.changedOutside?.join(', ') ?? '',
        remedy: null,
        vmid: vm.vmid,
      })),
  ];
  return found.toSorted((a, b) => (a.severity === b.severity ? 0 : a.severity === 'danger' ? -1 : 1));
}

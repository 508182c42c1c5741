import type { Hypervisor, HypervisorId, Network, Task, Vm } from '@nakhoda/schema';

/** What the tour calls what it makes. */
export const tourNetwork = 'tour';
export const tourTag = 'tour';
export const tourVmName = (hypervisor: HypervisorId): string => `tour-${hypervisor}`;

/** A step of the tour as it stands. What was really made tells, not what the page remembers; the page knows only which task to show. */
export interface TourStep {
  readonly id: string;
  readonly what: { readonly kind: 'network' } | { readonly kind: 'vm'; readonly hypervisor: HypervisorId };
  readonly state: 'open' | 'waiting' | 'working' | 'done' | 'failed';
  /** The task that works on it, or did last. */
  readonly task: Task | null;
  /** The VM that it made. */
  readonly vm: Vm | null;
}

export interface TourFacts {
  readonly hypervisors: readonly Hypervisor[];
  readonly networks: readonly Network[];
  readonly vms: readonly Vm[];
  readonly tasks: readonly Task[];
  /** Ids of the tasks that the steps were given to, by step. */
  readonly given: Readonly<Record<string, string>>;
}

/** One network, then a tiny VM on each usable hypervisor on it, which is started. Pure. */
export function planTour({ hypervisors, networks, vms, tasks, given }: TourFacts): readonly TourStep[] {
  const taskOf = (id: string) => tasks.find((task) => task.id === given[id]) ?? null;
  const stateOf = (done: boolean, task: Task | null, waits: boolean): TourStep['state'] => {
    if (task !== null && task.endedAt === null && task.state !== 'stuck') return 'working';
    if (done) return 'done';
    if (task !== null && task.state !== 'succeeded') return 'failed';
    return waits ? 'waiting' : 'open';
  };
  const hasNetwork = networks.some(({ name }) => name === tourNetwork);
  const networkTask = taskOf('network');
  return [
    { id: 'network', what: { kind: 'network' }, state: stateOf(hasNetwork, networkTask, false), task: networkTask, vm: null },
    ...hypervisors
      .filter(({ usable }) => usable)
      .map(({ id }): TourStep => {
        const vm = vms.find(({ name, tags, hypervisor }) => hypervisor === id && name === tourVmName(id) && tags.includes(tourTag)) ?? null;
        const task = taskOf(id);
        const runs = vm !== null && vm.state === 'running';
        return { id, what: { kind: 'vm', hypervisor: id }, state: stateOf(runs, task, !hasNetwork), task, vm };
      }),
  ];
}

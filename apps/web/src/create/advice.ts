import type { Execution, Hypervisor } from '@nakhoda/schema';

/** The faster way to execute a guest first. */
const ways: readonly Execution['mode'][] = ['kvm', 'hardware', 'tcg', 'interpreter', 'fake'];

/** The hypervisor that a new VM had best run on here: a usable one, and of those the fastest; none where none is usable. Pure. */
export function adviseHypervisor(hypervisors: readonly Hypervisor[]): Hypervisor | undefined {
  const rank = ({ execution }: Hypervisor) => (execution === null ? ways.length : ways.indexOf(execution.mode));
  return hypervisors.filter(({ usable }) => usable).toSorted((a, b) => rank(a) - rank(b))[0];
}

import type { Hypervisor, Network, Task, Vm } from '@nakhoda/schema';
import { queryOptions, useQuery } from '@tanstack/react-query';

import { api } from './session.ts';

/** How many ended tasks a page keeps; older ones are on the tasks screen, which reads them itself. */
export const keptTasks = 200;

const byKey = <Key, Item>(items: readonly Item[], key: (item: Item) => Key): ReadonlyMap<Key, Item> =>
  new Map(items.map((item) => [key(item), item]));

/** What the event stream keeps true, by key. */
export const vmsQuery = queryOptions({
  queryKey: ['vms'],
  queryFn: async (): Promise<ReadonlyMap<number, Vm>> => byKey(await api.call('vm.list'), (vm) => vm.vmid),
});
export const networksQuery = queryOptions({
  queryKey: ['networks'],
  queryFn: async (): Promise<ReadonlyMap<string, Network>> => byKey(await api.call('network.list'), (network) => network.name),
});
export const hypervisorsQuery = queryOptions({
  queryKey: ['hypervisors'],
  queryFn: async (): Promise<ReadonlyMap<string, Hypervisor>> =>
    byKey(await api.call('hypervisor.list', { params: { node: 'local' } }), (one) => one.id),
});
export const tasksQuery = queryOptions({
  queryKey: ['tasks'],
  queryFn: async (): Promise<ReadonlyMap<string, Task>> =>
    byKey((await api.call('task.list', { query: { limit: keptTasks } })).toReversed(), (task) => task.id),
});

/** What no event tells of: read when a screen that shows it opens. */
export const systemQuery = queryOptions({ queryKey: ['system'], queryFn: () => api.call('system.status') });
export const hostCheckQuery = queryOptions({
  queryKey: ['host-check'],
  queryFn: () => api.call('host.check', { params: { node: 'local' } }),
  staleTime: 60_000,
});
export const snapshotsQuery = (vmid: number) =>
  queryOptions({ queryKey: ['snapshots', vmid], queryFn: () => api.call('snapshot.list', { params: { vm: String(vmid) } }) });

/** All VMs, in order of vmid. */
export function useVms(): readonly Vm[] {
  return useQuery({ ...vmsQuery, select: sortedVms }).data ?? [];
}

function sortedVms(vms: ReadonlyMap<number, Vm>): readonly Vm[] {
  return [...vms.values()].toSorted((a, b) => a.vmid - b.vmid);
}

/** One VM; null when there is none of that vmid, undefined while that is not known. */
export function useVm(vmid: number): Vm | null | undefined {
  return useQuery({ ...vmsQuery, select: (vms) => vms.get(vmid) ?? null }).data;
}

export function useNetworks(): readonly Network[] {
  return [...(useQuery(networksQuery).data?.values() ?? [])].toSorted((a, b) => a.name.localeCompare(b.name));
}

export function useHypervisors(): readonly Hypervisor[] {
  return [...(useQuery(hypervisorsQuery).data?.values() ?? [])];
}

/** Tasks that this page knows of, the youngest first. */
export function useTasks(): readonly Task[] {
  return useQuery({ ...tasksQuery, select: youngestFirst }).data ?? [];
}

function youngestFirst(tasks: ReadonlyMap<string, Task>): readonly Task[] {
  return [...tasks.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1));
}

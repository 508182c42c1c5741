import type { Vm } from '@nakhoda/schema';
import { queryOptions } from '@tanstack/react-query';

import { api } from '../data/session.ts';

/** What the guest says of itself; asked for once a run, and again when the reader wants it, since each question costs the guest some work. */
export const guestQuery = (vm: Pick<Vm, 'vmid' | 'state'>) =>
  queryOptions({
    queryKey: ['guest', vm.vmid, vm.state],
    queryFn: ({ signal }) => api.call('vm.guest', { params: { vm: String(vm.vmid) }, signal }),
    enabled: vm.state === 'running',
    retry: false,
    staleTime: 60_000,
  });

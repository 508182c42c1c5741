import type { TaskKind } from '@nakhoda/tasks';

import { foreignFacet, requireAdopted } from '../services/adoptions.ts';
import type { Services } from '../services/context.ts';
import { toMachineSpec, vmFolders } from '../services/vm-record.ts';
import type { VmInput } from './vm-power.ts';
import { removeVmFolders, requireNotSuspended, requireRecord, requireState, requireUnprotected } from './vm-steps.ts';

/** Gives an adopted VM back to its user. What was begun goes on to its end; a release that fails in the middle can be asked for again. */
export function vmReleaseSaga(services: Services): TaskKind<VmInput & { user: string }, object, void> {
  const { inventory, networks, config } = services;
  return {
    kind: 'vm.release',
    title: ({ name, vmid, user }) => `Give ${name} (${vmid}) back to ${user}`,
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid, user }) => [`vm/${vmid}`, `foreign/${user}`],
    onCrash: 'resume',
    initialState: () => ({}),
    steps: ({ vmid }) => [
      {
        name: 'take its NICs off their networks',
        do: async (ctx) => {
          const record = requireRecord(services, vmid);
          requireAdopted(record);
          requireUnprotected(record);
          requireNotSuspended(services, record);
          // A release that failed half-way leaves a VM that VirtualBox does not know.
          if (inventory.state(vmid) !== 'unknown') requireState(services, record, 'destroy');
          await networks.detach(ctx, record);
        },
      },
      {
        name: 'give it back to its user',
        cancellable: false,
        do: async (ctx) => {
          const record = inventory.byVmid(vmid);
          if (record) await foreignFacet(services).release(ctx, { spec: toMachineSpec(record, config.folders) });
          await removeVmFolders(vmFolders(config.folders, vmid));
        },
      },
      { name: 'forget it', cancellable: false, do: () => inventory.remove(vmid) },
    ],
  };
}

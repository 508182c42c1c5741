import { mkdir } from 'node:fs/promises';

import type { TaskKind } from '@nakhoda/tasks';

import { type AdoptionInput, foreignFacet } from '../services/adoptions.ts';
import type { Services } from '../services/context.ts';
import { toMachineSpec, vmFolders } from '../services/vm-record.ts';
import { reserveStep } from './vm-create.ts';
import { removeVmFolders } from './vm-steps.ts';

/** Makes another user's VM one of ours, its files where they are (decision 14). Undone, everything is as it was. */
export function vmAdoptSaga(services: Services): TaskKind<AdoptionInput, object, void> {
  const { inventory, config } = services;
  return {
    kind: 'vm.adopt',
    title: ({ record: { spec } }) =>
      `Adopt ${spec.adopted?.name ?? spec.name} of ${spec.adopted?.user ?? ''} as ${spec.name} (${spec.vmid})`,
    target: ({ record }) => `vm/${record.spec.vmid}`,
    // Two adoptions of one VM, or of two VMs of one user, would write the user's list at the same time.
    locks: ({ record, owner }) => [`vm/${record.spec.vmid}`, `foreign/${owner.user}`],
    onCrash: 'unwind',
    initialState: () => ({}),
    steps: ({ record, owner, left }) => {
      const { vmid } = record.spec;
      const folders = vmFolders(config.folders, vmid);
      const spec = toMachineSpec(record, config.folders);
      return [
        reserveStep<AdoptionInput>(services, record),
        {
          name: 'keep what the way back needs',
          do: async (ctx) => {
            await mkdir(folders.directory, { recursive: true, mode: 0o700 });
            await foreignFacet(services).keep(ctx, { owner, spec });
          },
          undo: () => removeVmFolders(folders),
        },
        {
          name: 'take it from its user',
          cancellable: false,
          do: (ctx) => foreignFacet(services).take(ctx, { directory: folders.directory }),
          undo: (ctx) => foreignFacet(services).giveBack(ctx, { directory: folders.directory }),
        },
        {
          name: "register it with Nakhoda's VirtualBox",
          do: async (ctx) => {
            for (const line of left) ctx.log(line);
            await foreignFacet(services).adopt(ctx, { spec });
            await inventory.refresh(vmid);
          },
          undo: (ctx) => foreignFacet(services).forget(ctx, { spec }),
        },
      ];
    },
  };
}

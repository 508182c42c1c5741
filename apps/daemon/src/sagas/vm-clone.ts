import type { TaskKind } from '@nakhoda/tasks';

import { refuseChangingDisks } from '../services/clone-plan.ts';
import { type PlannedClone, requireClone } from '../services/clones.ts';
import type { Services } from '../services/context.ts';
import { toMachineSpec, vmFolders } from '../services/vm-record.ts';
import { defineStep, reserveStep } from './vm-create.ts';
import { removeVmFolders, requireRecord, requireState, startSteps } from './vm-steps.ts';

export type VmCloneInput = PlannedClone & { start: boolean };

/** Makes a VM of another's disks. The source keeps what it has, and may run; nothing else is done with it meanwhile. */
export function vmCloneSaga(services: Services): TaskKind<VmCloneInput, object, void> {
  const { inventory, hypervisors, config } = services;
  return {
    kind: 'vm.clone',
    title: ({ record: { spec }, source }) => `Clone ${source.name} to ${spec.name} (${spec.vmid})${spec.linkedTo ? ', linked' : ''}`,
    target: ({ record }) => `vm/${record.spec.vmid}`,
    locks: ({ record, source }) => [`vm/${record.spec.vmid}`, `vm/${source.vmid}`],
    onCrash: 'unwind',
    initialState: () => ({}),
    steps: ({ record, source, snapshot, left, start }) => {
      const { vmid, hypervisor, linkedTo } = record.spec;
      const linked = linkedTo !== null;
      return [
        // From here on the record says what the disks lie on, so that nobody deletes that.
        reserveStep<VmCloneInput>(services, record),
        {
          name: 'clone its disks',
          weight: 8,
          do: async (ctx) => {
            for (const line of left) ctx.log(line);
            const from = requireRecord(services, source.vmid);
            requireState(services, from, 'clone');
            // It may be no template any more since the clone was ordered.
            if (linked && snapshot === null) refuseChangingDisks(from.spec);
            await requireClone(services, from)(ctx, {
              ...{ source: source.vmid, snapshot, linked },
              spec: toMachineSpec(record, config.folders),
            });
            await inventory.refresh(source.vmid);
          },
          undo: async (ctx) => {
            await hypervisors.driver(hypervisor).undefine(ctx, { vmid });
            await removeVmFolders(vmFolders(config.folders, vmid));
          },
        },
        defineStep<VmCloneInput>(services, record),
        ...(start ? startSteps<VmCloneInput>(services, vmid) : []),
      ];
    },
  };
}

import type { Step, TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { vmFolders, type VmRecord } from '../services/vm-record.ts';
import { defineMachine } from './define-machine.ts';
import { removeVmFolders, startSteps } from './vm-steps.ts';

export interface VmCreateInput {
  record: VmRecord;
  start: boolean;
}

/** Reserves the name and vmid, makes the machine and its disks, and starts it when that was asked for. */
export function vmCreateSaga(services: Services): TaskKind<VmCreateInput, object, { vmid: number; name: string }> {
  return {
    kind: 'vm.create',
    title: ({ record }) => `Make ${record.spec.name} (${record.spec.vmid}) on ${record.spec.hypervisor}`,
    target: ({ record }) => `vm/${record.spec.vmid}`,
    locks: ({ record }) => [`vm/${record.spec.vmid}`],
    onCrash: 'unwind',
    initialState: () => ({}),
    steps: ({ record, start }) => {
      const { vmid } = record.spec;
      return [reserveStep(services, record), defineStep(services, record), ...(start ? startSteps<VmCreateInput>(services, vmid) : [])];
    },
  };
}

/** Writes the VM's record; the name and vmid are its own from then on. */
export function reserveStep<I>({ inventory, networks }: Services, record: VmRecord): Step<I, object> {
  const { vmid } = record.spec;
  return {
    name: 'reserve the name and vmid',
    do: async () => {
      const nics = record.spec.nics.map((nic) => nic.network);
      networks.requireUsable(nics);
      await inventory.add(record);
      // Again: a task that began to delete one meanwhile may not have seen this VM.
      networks.requireUsable(nics);
    },
    undo: async () => {
      inventory.promisedVmids.delete(vmid);
      // A record of the same vmid that somebody else made is not ours to remove.
      if (inventory.byVmid(vmid)?.spec.uuid === record.spec.uuid) await inventory.remove(vmid);
    },
  };
}

/** Makes the machine known to its hypervisor, with the disks that are missing. */
export function defineStep<I>(services: Services, record: VmRecord): Step<I, object> {
  const { inventory, hypervisors, config } = services;
  const { vmid, hypervisor } = record.spec;
  return {
    name: 'define the machine and its disks',
    do: async (ctx) => {
      await defineMachine(services, ctx, record);
      await inventory.refresh(vmid);
    },
    undo: async (ctx) => {
      await hypervisors.driver(hypervisor).undefine(ctx, { vmid });
      await removeVmFolders(vmFolders(config.folders, vmid));
    },
  };
}

import type { StopMode } from '@nakhoda/driver';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { refuseClonedVm } from '../services/templates.ts';
import { vmFolders } from '../services/vm-record.ts';
import { askAgentLater } from './ask-agent.ts';
import { removeVmFolders, requireRecord, requireState, requireUnprotected, startSteps } from './vm-steps.ts';

export interface VmInput {
  vmid: number;
  name: string;
}

/** Seconds a guest gets to shut down when the caller names none; Proxmox VE's default. */
export const defaultShutdownSeconds = 180;

const common = {
  target: ({ vmid }: VmInput) => `vm/${vmid}`,
  locks: ({ vmid }: VmInput) => [`vm/${vmid}`],
  initialState: () => ({}),
};

/** Starts a VM. After a crash of the daemon it goes on: to start what runs changes nothing. */
export function vmStartSaga(services: Services): TaskKind<VmInput, object, void> {
  return {
    ...common,
    kind: 'vm.start',
    title: ({ name, vmid }) => `Start ${name} (${vmid})`,
    onCrash: 'resume',
    steps: ({ vmid }) => [
      {
        // A step of its own, so that a VM that runs already, or was destroyed meanwhile, has nothing to undo.
        name: 'look whether it can be started',
        do: async () => requireState(services, requireRecord(services, vmid), 'start'),
      },
      ...startSteps<VmInput>(services, vmid),
    ],
  };
}

/** Stops a VM in one of the two ways, and takes its NICs off their networks. */
export function vmStopSaga(services: Services, mode: StopMode): TaskKind<VmInput & { timeoutSeconds: number }, object, void> {
  const { inventory, hypervisors, networks } = services;
  return {
    ...common,
    kind: mode === 'shutdown' ? 'vm.shutdown' : 'vm.stop',
    title: ({ name, vmid }) => `${mode === 'shutdown' ? 'Shut down' : 'Stop'} ${name} (${vmid})`,
    onCrash: 'resume',
    steps: ({ vmid, timeoutSeconds }) => [
      {
        name: mode === 'shutdown' ? 'ask the guest, and wait for it' : 'take the power away',
        weight: 4,
        do: async (ctx) => {
          inventory.setTransition(vmid, 'stopping');
          const over = new AbortController();
          try {
            const driver = hypervisors.driver(requireRecord(services, vmid).spec.hypervisor);
            if (mode === 'shutdown') void askAgentLater(driver, ctx, { vmid, signal: AbortSignal.any([ctx.signal, over.signal]) });
            await driver.stop(ctx, { vmid, mode, timeoutSeconds });
          } finally {
            over.abort();
            inventory.setTransition(vmid, null);
            await inventory.refresh(vmid);
          }
        },
      },
      { name: 'take its NICs off their networks', do: (ctx) => networks.detach(ctx, requireRecord(services, vmid)) },
    ],
  };
}

/** Deletes a VM for good. Nothing of it can be undone, so after a crash it goes on to the end. */
export function vmDestroySaga(services: Services): TaskKind<VmInput, object, void> {
  const { inventory, hypervisors, networks, config } = services;
  return {
    ...common,
    kind: 'vm.destroy',
    title: ({ name, vmid }) => `Destroy ${name} (${vmid})`,
    onCrash: 'resume',
    steps: ({ vmid }) => [
      {
        name: 'take its NICs off their networks',
        do: async (ctx) => {
          const record = inventory.byVmid(vmid);
          if (!record) return;
          requireState(services, record, 'destroy');
          requireUnprotected(record);
          refuseClonedVm(record, inventory.records());
          await networks.detach(ctx, record);
        },
      },
      {
        name: 'delete the machine, its disks and snapshots',
        cancellable: false,
        do: async (ctx) => {
          const record = inventory.byVmid(vmid);
          if (record) await hypervisors.driver(record.spec.hypervisor).undefine(ctx, { vmid });
          await removeVmFolders(vmFolders(config.folders, vmid));
        },
      },
      { name: 'forget it', cancellable: false, do: () => inventory.remove(vmid) },
    ],
  };
}

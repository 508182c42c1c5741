import { rm } from 'node:fs/promises';

import { allowsAction, NakhodaError, type VmAction } from '@nakhoda/schema';
import type { Step } from '@nakhoda/tasks';

import { writeCloudInitFile } from '../services/cloud-init-file.ts';
import type { Services } from '../services/context.ts';
import { refuseTemplate } from '../services/templates.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { defineMachine } from './define-machine.ts';
import { deleteDiscarded } from './delete-discarded.ts';

/** The VM's record. @throws NakhodaError `vm.not-found` when it went away while the task was queued */
export function requireRecord(services: Services, vmid: number): VmRecord {
  return services.inventory.byVmid(vmid) ?? services.inventory.resolve(String(vmid));
}

/**
 * Refuses an action that the VM's state does not allow, or that a template does not take.
 * @throws NakhodaError `vm.wrong-state`, `vm.is-template`
 */
export function requireState(services: Services, record: VmRecord, action: VmAction): void {
  refuseTemplate(record, action);
  const state = services.inventory.state(record.spec.vmid);
  if (allowsAction(state, action)) return;
  const { name, vmid } = record.spec;
  throw new NakhodaError('vm.wrong-state', {
    message: `${name} (${vmid}) is ${state}, and ${action} is not possible in that state.`,
    hint: wrongStateHint(action, name, state),
    details: { vmid, state, action },
  });
}

/** @throws NakhodaError `vm.wrong-state` when the VM's memory lies on disk */
export function requireNotSuspended({ inventory }: Services, { spec }: VmRecord): void {
  if (!inventory.status(spec.vmid)?.suspended) return;
  throw new NakhodaError('vm.wrong-state', {
    message: `${spec.name} is suspended: its memory on disk fits its present hardware only.`,
    hint: `Start it and shut it down, or throw its memory away: nakhoda vm discard ${spec.name}`,
  });
}

/** @throws NakhodaError `vm.protected` */
export function requireUnprotected({ spec }: VmRecord): void {
  if (!spec.protection) return;
  throw new NakhodaError('vm.protected', {
    message: `${spec.name} (${spec.vmid}) is protected, so neither it nor a disk of it is deleted.`,
    hint: `Take the protection away first: nakhoda vm set ${spec.name} --protection no`,
  });
}

function wrongStateHint(action: VmAction, name: string, state: string): string {
  if (state === 'unknown') return 'Its hypervisor does not answer for it; `nakhoda host check` tells more.';
  if (action === 'start') return `It need not be started again. \`nakhoda vm show ${name}\` shows it.`;
  if (action === 'destroy') return `Shut it down first: nakhoda vm shutdown ${name}`;
  if (state === 'stopped' || state === 'crashed') return `Start it first: nakhoda vm start ${name}`;
  return 'Wait until the present task has ended, then try again.';
}

/** What the steps of a start remember. */
interface StartState {
  /** It goes on from memory on disk. */
  suspended?: boolean;
}

/** Prepares the network and brings the VM to life; undone in reverse. */
export function startSteps<I>(services: Services, vmid: number): Step<I, object>[] {
  const { inventory, hypervisors, networks, config } = services;
  return [
    {
      name: 'bring the machine in line with what is wanted',
      do: async (ctx) => {
        const { active, ...wanted } = requireRecord(services, vmid);
        (ctx.state as StartState).suspended = inventory.status(vmid)?.suspended ?? false;
        // Memory on disk fits the machine that it was written of, and no other.
        if (inventory.status(vmid)?.suspended) {
          // Somebody may have deleted it; it is easily made.
          await writeCloudInitFile((active ?? wanted).spec, config.folders);
          return;
        }
        if (active) {
          await defineMachine(services, ctx, wanted);
          await inventory.replace(wanted);
        } else await writeCloudInitFile(wanted.spec, config.folders);
        await deleteDiscarded(services, ctx, vmid);
      },
    },
    {
      name: 'connect its NICs to their networks',
      do: (ctx) => networks.attach(ctx, requireRecord(services, vmid)),
      undo: (ctx) => networks.detach(ctx, requireRecord(services, vmid)),
    },
    {
      name: 'start it',
      weight: 4,
      do: async (ctx) => {
        inventory.setTransition(vmid, 'starting');
        try {
          await hypervisors.driver(requireRecord(services, vmid).spec.hypervisor).start(ctx, { vmid });
        } finally {
          inventory.setTransition(vmid, null);
          await inventory.refresh(vmid);
        }
      },
      undo: async (ctx) => {
        const { hypervisor } = requireRecord(services, vmid).spec;
        const driver = hypervisors.driver(hypervisor);
        const { state } = (await driver.inspect(ctx, { vmid })) ?? {};
        // Memory that lay on disk before must not be lost with the power.
        const alive = state === 'running' || state === 'paused';
        if ((ctx.state as StartState).suspended && driver.suspend) {
          if (alive) await driver.suspend.suspend(ctx, { vmid });
        } else await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
        await inventory.refresh(vmid);
      },
    },
  ];
}

/** Deletes a VM's two folders with whatever is left in them. */
export async function removeVmFolders(own: { directory: string; runtimeDirectory: string }): Promise<void> {
  await rm(own.directory, { recursive: true, force: true });
  await rm(own.runtimeDirectory, { recursive: true, force: true });
}

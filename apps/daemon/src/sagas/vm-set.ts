import { isDeepStrictEqual } from 'node:util';

import type { DriverContext } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { touchesMachine } from '../services/pending-changes.ts';
import { changedRecord, revertedRecord } from '../services/vm-change.ts';
import type { VmPlan, VmRecord } from '../services/vm-record.ts';
import { defineMachine } from './define-machine.ts';
import type { VmInput } from './vm-power.ts';
import { requireRecord, requireState } from './vm-steps.ts';

export interface VmSetInput extends VmInput {
  /** The record that the change was planned on. */
  before: VmRecord;
  after: VmPlan;
}

/**
 * Changes a VM's plan. A machine that does not run is brought in line at once; one that runs keeps what it was
 * started with until its next start, and the record tells both.
 */
export function vmSetSaga(services: Services): TaskKind<VmSetInput, object, void> {
  const { inventory } = services;
  const redefine = async (ctx: DriverContext, plan: VmPlan): Promise<void> => {
    await defineMachine(services, ctx, plan);
    await inventory.refresh(plan.spec.vmid);
  };
  return {
    kind: 'vm.set',
    title: ({ name, vmid }) => `Change ${name} (${vmid})`,
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid }) => [`vm/${vmid}`],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: ({ vmid, before, after }) => {
      const touches = touchesMachine(before, after);
      return [
        {
          name: 'write down what is wanted',
          do: async () => {
            const present = requireRecord(services, vmid);
            if (samePlan(present, after)) return;
            if (!samePlan(present, before)) throw changedMeanwhile(before);
            if (touches) requireState(services, present, 'set');
            const alive = !['stopped', 'crashed'].includes(inventory.state(vmid));
            await inventory.replace(changedRecord(present, after, { alive, touches }));
          },
          undo: async () => {
            const present = inventory.byVmid(vmid);
            if (present && samePlan(present, after)) await inventory.replace(before);
          },
        },
        {
          name: 'bring the machine in line',
          do: async (ctx) => {
            // What a running machine was started with stays until its next start.
            if (touches && !requireRecord(services, vmid).active) await redefine(ctx, after);
          },
          undo: async (ctx) => {
            if (touches && inventory.byVmid(vmid) && !inventory.byVmid(vmid)?.active) await redefine(ctx, before);
          },
        },
      ];
    },
  };
}

/** Takes back what is pending: the plan becomes what the present run has. Nothing of the machine changes. */
export function vmRevertSaga({ inventory }: Services): TaskKind<Omit<VmSetInput, 'after'>, object, void> {
  return {
    kind: 'vm.revert',
    title: ({ name, vmid }) => `Take back the pending changes of ${name} (${vmid})`,
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid }) => [`vm/${vmid}`],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: ({ vmid, before }) => [
      {
        name: 'write down what is wanted',
        do: async () => {
          const present = inventory.byVmid(vmid);
          if (!present) return;
          const reverted = revertedRecord(before);
          if (samePlan(present, reverted)) return;
          if (!samePlan(present, before)) throw changedMeanwhile(before);
          await inventory.replace(reverted);
        },
        undo: async () => {
          const present = inventory.byVmid(vmid);
          if (present && samePlan(present, revertedRecord(before))) await inventory.replace(before);
        },
      },
    ],
  };
}

function samePlan(a: VmPlan, b: VmPlan): boolean {
  return isDeepStrictEqual([a.spec, a.attachments, a.cdromPath], [b.spec, b.attachments, b.cdromPath]);
}

function changedMeanwhile({ spec }: VmRecord): NakhodaError {
  return new NakhodaError('store.conflict', {
    message: `${spec.name} (${spec.vmid}) was changed by somebody else while this change waited.`,
    hint: `Look at it (nakhoda vm show ${spec.name}), then try again.`,
  });
}

import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { revertedRecord } from '../services/vm-change.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { changedMeanwhile, samePlan } from './same-plan.ts';
import type { VmInput } from './vm-power.ts';

/** Takes back what is pending: the plan becomes what the present run has. Nothing of the machine changes. */
export function vmRevertSaga({ inventory }: Services): TaskKind<VmInput & { before: VmRecord }, { former?: VmRecord }, void> {
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
        do: async (ctx) => {
          const present = inventory.byVmid(vmid);
          if (!present) return;
          if (samePlan(present, revertedRecord(before))) return;
          if (!samePlan(present, before)) throw changedMeanwhile(before);
          ctx.state.former = present;
          // By what its run has now: it may have been started anew while this waited.
          await inventory.replace(revertedRecord(present));
        },
        undo: async (ctx) => {
          const present = inventory.byVmid(vmid);
          if (present && samePlan(present, revertedRecord(before))) await inventory.replace(ctx.state.former ?? before);
        },
      },
    ],
  };
}

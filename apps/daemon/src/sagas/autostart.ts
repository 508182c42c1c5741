import { setTimeout as delay } from 'node:timers/promises';

import { allowsAction } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';

import type { AutostartEntry } from '../services/autostart-plan.ts';
import type { Services } from '../services/context.ts';

/**
 * Starts VMs one after another. One that fails does not hold up the others; the task's log and the VM's own task tell
 * why. After a crash of the daemon it goes on: what runs is left alone.
 */
export function autostartSaga({ inventory, engine }: Services): TaskKind<{ vms: AutostartEntry[] }, object, void> {
  return {
    kind: 'node.autostart',
    title: ({ vms }) => `Start ${vms.length === 1 ? 'the VM' : `the ${vms.length} VMs`} that start with the host`,
    target: () => null,
    locks: () => ['autostart'],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: ({ vms }) =>
      vms.map(({ vmid, name, delaySeconds }, index) => ({
        name: `start ${name} (${vmid})`,
        do: async (ctx) => {
          const record = inventory.byVmid(vmid);
          if (!record || !allowsAction(inventory.state(vmid), 'start')) {
            ctx.log(`${name} (${vmid}) is ${record ? inventory.state(vmid) : 'gone'}: nothing to start.`);
            return;
          }
          const { id } = await engine.start('vm.start', { vmid, name }, { user: 'autostart' });
          const { state, error } = await engine.wait(id);
          if (state !== 'succeeded') ctx.log(`${name} (${vmid}) did not start: ${error?.message ?? state}`);
          else if (delaySeconds > 0 && index < vms.length - 1) await delay(delaySeconds * 1000, undefined, { signal: ctx.signal });
        },
      })),
  };
}

import { planAutostart } from './autostart-plan.ts';
import { readBootId } from './boot-id.ts';
import type { Services } from './context.ts';

const bootKey = (node: string): string => `nodes/${node}/boot`;

/**
 * Starts the VMs that start with the host, once each time the host has started: the store remembers for which run of
 * the host that was done. A daemon that is merely started again starts no VM.
 * @param bootId the present run of the host; read from the kernel where it is not given
 */
export async function autostartOnce({ store, inventory, engine, config }: Services, bootId?: string): Promise<void> {
  const present = bootId ?? (await readBootId());
  const known = await store.get(bootKey(config.node));
  if (known?.value === present) return;
  // Written first: a host on which a VM's start brings the daemon down must not do so for ever.
  await store.put(bootKey(config.node), present);
  const vms = planAutostart(inventory.records().map(({ spec }) => spec));
  if (vms.length > 0) await engine.start('node.autostart', { vms }, { user: 'autostart' });
}

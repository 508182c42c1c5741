import type { HostContext } from './host-context.ts';
import { readLinks } from './host-network-facts.ts';
import type { NetworkOwner } from './interface-names.ts';
import { foreignInterface, isOurTap } from './interface-ownership.ts';
import { runNetworkCommand, undoContext } from './network-commands.ts';
import type { TapSpec } from './plan-interface.ts';
import { planTap } from './plan-interface.ts';

/**
 * Has a persistent TAP on a bridge, up, for a hypervisor or relay to open. Nothing is left of one that could not
 * be finished.
 * @throws NakhodaError `network.bridge-exists` when another daemon or person made it, `network.failed`.
 */
export async function ensureTap(ctx: HostContext, spec: TapSpec, options: { owner: NetworkOwner }): Promise<void> {
  const links = await readLinks(ctx);
  const plan = planTap(spec, options.owner, links.find(({ name }) => name === spec.tap) ?? null);
  await using undo = new AsyncDisposableStack();
  for (const [index, argv] of plan.commands.entries()) {
    await runNetworkCommand(ctx, argv);
    if (plan.creates && index === 0) {
      undo.defer(async () => {
        await runNetworkCommand(undoContext, ['ip', 'tuntap', 'delete', 'dev', spec.tap, 'mode', 'tap']);
      });
    }
  }
  undo.move();
}

/**
 * Removes a TAP; one that is gone is fine. Whoever holds it open reads errors from then on.
 * @throws NakhodaError `network.bridge-exists` when it is not ours; it is left alone.
 */
export async function removeTap(ctx: HostContext, options: { tap: string; owner: NetworkOwner }): Promise<void> {
  const link = (await readLinks(ctx)).find(({ name }) => name === options.tap);
  if (!link) return;
  if (!isOurTap(link, options.owner)) throw foreignInterface(options.tap);
  await runNetworkCommand(ctx, ['ip', 'link', 'delete', 'dev', options.tap]);
}

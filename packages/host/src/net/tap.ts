import { applyPlan, deleteLink, findLink } from './apply-plan.ts';
import type { HostContext } from './host-context.ts';
import type { NetworkOwner } from './interface-names.ts';
import { foreignInterface, isOurTap } from './interface-ownership.ts';
import type { TapSpec } from './plan-interface.ts';
import { planTap } from './plan-interface.ts';

/**
 * Has a persistent TAP on a bridge, up, for a hypervisor or relay to open. Nothing is left of one that could not
 * be finished.
 * @throws NakhodaError `network.bridge-exists` when another daemon or person made it, `network.failed`.
 */
export async function ensureTap(ctx: HostContext, spec: TapSpec, options: { owner: NetworkOwner }): Promise<void> {
  const plan = planTap(spec, options.owner, await findLink(ctx, spec.tap));
  await using undo = new AsyncDisposableStack();
  await applyPlan(ctx, plan, { name: spec.tap, undo });
  undo.move();
}

/**
 * Removes a TAP; one that is gone is fine. Whoever holds it open reads errors from then on.
 * @throws NakhodaError `network.bridge-exists` when it is not ours; it is left alone.
 */
export async function removeTap(ctx: HostContext, options: { tap: string; owner: NetworkOwner }): Promise<void> {
  const link = await findLink(ctx, options.tap);
  if (!link) return;
  if (!isOurTap(link, options.owner)) throw foreignInterface(options.tap);
  await deleteLink(ctx, options.tap);
}

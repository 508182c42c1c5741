import { readFile } from 'node:fs/promises';

import type { HostContext } from './host-context.ts';
import type { HostLink } from './host-network-facts.ts';
import { readLinks } from './host-network-facts.ts';
import { runIpBatch, runNetworkCommand, undoContext } from './network-commands.ts';
import type { InterfacePlan } from './plan-interface.ts';

/** The interface of that name, or null. */
export async function findLink(ctx: HostContext, name: string): Promise<HostLink | null> {
  // Most often there is none, which the kernel says without a program's help. Not /sys: it may show another namespace.
  if (!(await readFile('/proc/net/dev', 'utf8')).split('\n').some((line) => line.trimStart().startsWith(`${name}:`))) return null;
  return (await readLinks(ctx)).find((link) => link.name === name) ?? null;
}

/** Deletes an interface; one that is gone is fine. The caller knows that it is ours. */
export async function deleteLink(ctx: HostContext, name: string): Promise<void> {
  if (await findLink(ctx, name)) await runNetworkCommand(ctx, ['ip', 'link', 'delete', 'dev', name]);
}

/**
 * Carries a plan out. Where it makes the interface, the interface is deleted when the stack is disposed of.
 * @throws NakhodaError `network.failed`, `exec.not-found`, `exec.timeout`; the signal's reason on abort.
 */
export async function applyPlan(
  ctx: HostContext,
  plan: InterfacePlan,
  options: { name: string; undo: AsyncDisposableStack },
): Promise<void> {
  // Before the first command, for an abort can come between its work and its end.
  if (plan.creates) options.undo.defer(() => deleteLink(undoContext(ctx), options.name));
  await runIpBatch(ctx, plan.commands);
}

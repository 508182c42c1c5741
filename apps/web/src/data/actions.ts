import type { Vm, VmAction } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';

import { observable } from './observable.ts';
import { api } from './session.ts';

/** What the page tells at its edge: orders that were refused. */
export interface Notice {
  readonly id: number;
  readonly title: string;
  readonly message: string;
  readonly hint: string;
  readonly code: string;
}

export const notices = observable<readonly Notice[]>([]);
let lastNotice = 0;

export function tellError(thrown: unknown, title: string): void {
  const { message, hint, code } = toNakhodaError(thrown);
  lastNotice += 1;
  notices.set([...notices.get().slice(-4), { id: lastNotice, title, message, hint, code }]);
}

export function dismissNotice(id: number): void {
  notices.set(notices.get().filter((notice) => notice.id !== id));
}

/** Orders to a VM's power. What becomes of them comes through the event stream, as a task and as the VM's state. */
export const powerActions = ['start', 'shutdown', 'stop', 'pause', 'resume', 'reset', 'suspend', 'discard'] as const satisfies VmAction[];
export type PowerAction = (typeof powerActions)[number];

/** Gives an order to a VM. @throws NakhodaError as the daemon answers. */
export async function orderPower(vm: Pick<Vm, 'vmid'>, action: PowerAction): Promise<void> {
  await api.callAny(`vm.${action}`, { params: { vm: String(vm.vmid) }, ...(action === 'shutdown' ? { body: {} } : {}) });
}

/** Whether a VM takes an action now, and the reason where it does not. */
export function verdictOf(vm: Vm, action: VmAction): { allowed: boolean; reason?: string | undefined } {
  return vm.actions[action] ?? { allowed: false };
}

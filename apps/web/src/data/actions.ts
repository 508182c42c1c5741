import type { Vm, VmAction } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';

import { observable } from './observable.ts';
import { api } from './session.ts';

/** What the page tells at its edge. */
export type Notice = ErrorNotice | UndoNotice;

/** An order that was refused. */
interface ErrorNotice {
  readonly kind: 'error';
  readonly id: number;
  readonly title: string;
  readonly message: string;
  readonly hint: string;
  readonly code: string;
}

/** A change that was made at once, and that can be taken back. */
interface UndoNotice {
  readonly kind: 'undo';
  readonly id: number;
  readonly title: string;
  undo(): Promise<void>;
}

export const notices = observable<readonly Notice[]>([]);
let lastNotice = 0;

export function tellError(thrown: unknown, title: string): void {
  const { message, hint, code } = toNakhodaError(thrown);
  addNotice((id) => ({ kind: 'error', id, title, message, hint, code }));
}

/** Tells of a change that was made, with a way back. */
export function offerUndo(title: string, undo: () => Promise<void>): void {
  addNotice((id) => ({ kind: 'undo', id, title, undo }));
}

function addNotice(notice: (id: number) => Notice): void {
  lastNotice += 1;
  notices.set([...notices.get().slice(-4), notice(lastNotice)]);
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

import { i18n } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { EndpointId, Task, Vm } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema/errors';

import { offerUndo, tellError } from './actions.ts';
import { queryClient } from './query-client.ts';
import { vmsQuery } from './resources.ts';
import { api } from './session.ts';
import { waitForTask } from './wait-for-task.ts';

/** Orders that change a VM and answer with a task. */
export type ChangeEndpoint = Extract<EndpointId, 'vm.set' | 'vm.revert' | `disk.${string}` | `nic.${string}`>;

interface Change {
  readonly endpoint: ChangeEndpoint;
  /** Besides the VM: the slot of a device. */
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Changes a VM, and waits until that is done. @throws NakhodaError of the request, or of its task */
export async function changeVm(vm: Pick<Vm, 'vmid'>, { endpoint, params = {}, body }: Change): Promise<void> {
  const answer = await api.callAny(endpoint, { params: { vm: String(vm.vmid), ...params }, ...(body === undefined ? {} : { body }) });
  await waitForTask((answer as Task).id);
}

/** Reads a VM anew and puts it where the event stream keeps it: what is decided on it must not be older than need be. */
export async function readVm({ vmid }: Pick<Vm, 'vmid'>): Promise<Vm> {
  const vm = await api.call('vm.show', { params: { vm: String(vmid) } });
  queryClient.setQueryData(vmsQuery.queryKey, (before) => before && new Map(before).set(vmid, vm));
  return vm;
}

/**
 * The first tier of danger: changes at once, and offers to take it back. Refusals are told at the edge of the page.
 * @param options.stands whether what was changed is still so: what somebody has changed since is not taken back
 * @returns whether it was done
 */
export async function changeAtOnce(
  vm: Pick<Vm, 'vmid'>,
  options: {
    readonly title: string;
    readonly change: Change;
    readonly back: Change;
    stands(vm: Vm): boolean;
  },
): Promise<boolean> {
  const { title, change, back, stands } = options;
  try {
    await changeVm(vm, change);
  } catch (thrown) {
    tellError(thrown, title);
    return false;
  }
  offerUndo(title, async () => {
    try {
      if (!stands(await readVm(vm))) {
        throw new NakhodaError('store.conflict', {
          message: i18n._(msg`It was changed again since, so it is not taken back.`),
          hint: i18n._(msg`Look at it as it is now, and change it there.`),
        });
      }
      await changeVm(vm, back);
    } catch (thrown) {
      tellError(thrown, title);
    }
  });
  return true;
}

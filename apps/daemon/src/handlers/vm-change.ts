import type { Task, VmAction } from '@nakhoda/schema';

import type { HandlerRequest, Handlers } from '../http/handlers.ts';
import { requireOrder, type VmOrder } from '../sagas/vm-order.ts';
import { requireState } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import { planChangedVm } from '../services/plans.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { refuseChange } from './refuse-change.ts';
import { userOf } from './user-of.ts';

/** All orders take nothing but the VM. */
type OrderRequest = Pick<HandlerRequest<'vm.pause'>, 'params' | 'principal' | 'requestId'>;

type ChangeHandlers = Pick<Handlers, 'vm.set' | 'vm.revert' | `vm.${VmOrder}`>;

/** What changes a VM that is there: its plan, and orders to its power. */
export function vmChangeHandlers(services: Services): ChangeHandlers {
  const { inventory, engine } = services;

  /** A task that holds the VM may leave it in the right state, so then the task alone asks. */
  const refuse = (record: VmRecord, action: VmAction): void => {
    if (!engine.isLocked(`vm/${record.spec.vmid}`)) requireState(services, record, action);
  };

  const order =
    (name: VmOrder) =>
    async (request: OrderRequest): Promise<Task> => {
      const record = inventory.resolve(request.params.vm);
      requireOrder(services, record, name);
      refuse(record, name);
      return engine.start(`vm.${name}`, { vmid: record.spec.vmid, name: record.spec.name }, userOf(request));
    };

  return {
    'vm.set': async (request) => {
      const record = inventory.resolve(request.params.vm);
      const after = await planChangedVm(services, record, request.body);
      const { vmid, name } = record.spec;
      await refuseChange(services, record, after);
      return engine.start('vm.set', { vmid, name, before: record, after }, userOf(request));
    },
    'vm.revert': async (request) => {
      const record = inventory.resolve(request.params.vm);
      const { vmid, name } = record.spec;
      return engine.start('vm.revert', { vmid, name, before: record }, userOf(request));
    },
    'vm.pause': order('pause'),
    'vm.resume': order('resume'),
    'vm.reset': order('reset'),
    'vm.suspend': order('suspend'),
    'vm.discard': order('discard'),
  };
}

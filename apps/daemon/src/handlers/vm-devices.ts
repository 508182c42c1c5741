import type { Task, VmSpec } from '@nakhoda/schema';

import type { HandlerRequest, Handlers } from '../http/handlers.ts';
import { requireUnprotected } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import {
  planDiskAdd,
  planDiskRemove,
  planDiskResize,
  planDiskSet,
  planNicAdd,
  planNicRemove,
  planNicSet,
} from '../services/device-plans.ts';
import { diskFacts, nicFacts, planChangedDevices } from '../services/device-facts.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { userOf } from './user-of.ts';
import { refuseChange } from './refuse-change.ts';

type DeviceHandlers = Pick<Handlers, `disk.${'list' | 'add' | 'set' | 'resize' | 'remove'}` | `nic.${'list' | 'add' | 'set' | 'remove'}`>;

/** Disks and NICs of VMs that exist. What changes one is planned here, and done by the task that `vm set` has. */
export function vmDeviceHandlers(services: Services): DeviceHandlers {
  const { inventory, engine } = services;

  const change = async (
    request: Pick<HandlerRequest<'disk.add'>, 'principal' | 'requestId'>,
    record: VmRecord,
    spec: VmSpec,
    discard: string[] = [],
  ): Promise<Task> => {
    const { vmid, name } = record.spec;
    const after = await planChangedDevices(services, record, spec);
    await refuseChange(services, record, after);
    return engine.start('vm.set', { vmid, name, before: record, after, ...(discard.length > 0 ? { discard } : {}) }, userOf(request));
  };

  return {
    'disk.list': async ({ params }) => inventory.resolve(params.vm).spec.disks,
    'disk.add': async (request) => {
      const record = inventory.resolve(request.params.vm);
      return change(request, record, planDiskAdd(record, request.body, await diskFacts(services, record)));
    },
    'disk.set': async (request) => {
      const record = inventory.resolve(request.params.vm);
      return change(request, record, planDiskSet(record, request.params.slot, request.body));
    },
    'disk.resize': async (request) => {
      const record = inventory.resolve(request.params.vm);
      const { pool } = await diskFacts(services, record);
      return change(request, record, planDiskResize(record, request.params.slot, request.body.sizeGiB, pool));
    },
    'disk.remove': async (request) => {
      const record = inventory.resolve(request.params.vm);
      const { spec, image } = planDiskRemove(record, request.params.slot);
      requireUnprotected(record);
      return change(request, record, spec, request.body.keep ? [] : [image]);
    },

    'nic.list': async ({ params }) => inventory.resolve(params.vm).spec.nics,
    'nic.add': async (request) => {
      const record = inventory.resolve(request.params.vm);
      return change(request, record, planNicAdd(record, request.body, nicFacts(services, record)));
    },
    'nic.set': async (request) => {
      const record = inventory.resolve(request.params.vm);
      return change(request, record, planNicSet(record, request.params.slot, request.body));
    },
    'nic.remove': async (request) => {
      const record = inventory.resolve(request.params.vm);
      return change(request, record, planNicRemove(record, request.params.slot));
    },
  };
}

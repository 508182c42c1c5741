import type { Handlers } from '../http/handlers.ts';
import { requireUnprotected } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import { planChangedDevices } from '../services/device-facts.ts';
import { snapshotSlots } from '../services/snapshot-plans.ts';
import { findUnused, planDiskAttach, unusedDisks } from '../services/unused-disks.ts';
import { imageFile } from '../services/vm-record.ts';
import { refuseChange } from './refuse-change.ts';
import { userOf } from './user-of.ts';

type UnusedHandlers = Pick<Handlers, `disk.${'unused' | 'attach' | 'delete'}`>;

/** Images that VMs had and have no more: given back as disks by the task that `vm set` has, or deleted. */
export function vmUnusedDiskHandlers(services: Services): UnusedHandlers {
  const { inventory, engine, hypervisors, store } = services;
  return {
    'disk.unused': ({ params }) => unusedDisks(services, inventory.resolve(params.vm)),
    'disk.attach': async (request) => {
      const { params, body } = request;
      const record = inventory.resolve(params.vm);
      const { vmid, name, hypervisor } = record.spec;
      const unused = await unusedDisks(services, record);
      const facts = { unused, capabilities: hypervisors.driver(hypervisor).capabilities(), heldSlots: await snapshotSlots(store, vmid) };
      const spec = planDiskAttach(record, params.slot, body, facts);
      const after = await planChangedDevices(services, record, spec);
      await refuseChange(services, record, after);
      const reused = [imageFile(findUnused(record.spec, unused, params.slot).volume)];
      return engine.start('vm.set', { vmid, name, before: record, after, reused }, userOf(request));
    },
    'disk.delete': async (request) => {
      const record = inventory.resolve(request.params.vm);
      const { vmid, name } = record.spec;
      const { slot } = request.params;
      const { volume } = findUnused(record.spec, await unusedDisks(services, record), slot);
      requireUnprotected(record);
      return engine.start('disk.delete', { vmid, name, slot, file: imageFile(volume) }, userOf(request));
    },
  };
}

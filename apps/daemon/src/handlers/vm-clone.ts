import type { Handlers } from '../http/handlers.ts';
import { requireState } from '../sagas/vm-steps.ts';
import { planNewClone } from '../services/clones.ts';
import type { Services } from '../services/context.ts';
import { userOf } from './user-of.ts';

/** VMs that are made of others. */
export function vmCloneHandlers(services: Services): Pick<Handlers, 'vm.clone'> {
  const { inventory, engine } = services;
  return {
    'vm.clone': async (request) => {
      const source = inventory.resolve(request.params.vm);
      // A task that holds the VM may leave it in the right state.
      if (!engine.isLocked(`vm/${source.spec.vmid}`)) requireState(services, source, 'clone');
      const plan = await planNewClone(services, source, request.body);
      return engine.start('vm.clone', { ...plan, start: request.body.start ?? false }, userOf(request));
    },
  };
}

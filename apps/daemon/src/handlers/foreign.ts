import type { Handlers } from '../http/handlers.ts';
import { listForeign, planNewAdoption, requireAdopted } from '../services/adoptions.ts';
import type { Services } from '../services/context.ts';
import { addForeignUser, foreignUsers, removeForeignUser } from '../services/foreign-users.ts';
import { requireUnprotected } from '../sagas/vm-steps.ts';
import { userOf } from './user-of.ts';

type ForeignHandlers = Pick<
  Handlers,
  'foreign.users' | 'foreign.users.add' | 'foreign.users.remove' | 'foreign.list' | 'vm.adopt' | 'vm.release'
>;

/** VMs that users of the host have in their own VirtualBox. */
export function foreignHandlers(services: Services): ForeignHandlers {
  const { store, engine, inventory } = services;
  return {
    'foreign.users': () => foreignUsers(store),
    'foreign.users.add': ({ body }) => addForeignUser(store, { user: body.user, settings: body.settings ?? null }),
    'foreign.users.remove': ({ params }) => removeForeignUser(store, params.user),
    'foreign.list': () => listForeign(services),
    'vm.adopt': async (request) => engine.start('vm.adopt', await planNewAdoption(services, request.body), userOf(request)),
    'vm.release': async (request) => {
      const record = inventory.resolve(request.params.vm);
      requireAdopted(record);
      requireUnprotected(record);
      const { vmid, name, adopted } = record.spec;
      return engine.start('vm.release', { vmid, name, user: adopted?.user ?? '' }, userOf(request));
    },
  };
}

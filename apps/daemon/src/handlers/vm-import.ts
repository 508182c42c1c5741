import type { Handlers } from '../http/handlers.ts';
import type { Services } from '../services/context.ts';
import { planNewImport } from '../services/imports.ts';
import { userOf } from './user-of.ts';

/** VMs that come from elsewhere. */
export function vmImportHandlers(services: Services): Pick<Handlers, 'vm.import'> {
  return {
    'vm.import': async (request) => {
      const plan = await planNewImport(services, request.body);
      return services.engine.start('vm.import', { ...plan, start: request.body.start ?? false }, userOf(request));
    },
  };
}

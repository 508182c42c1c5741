import { listPools } from '@nakhoda/host';

import type { Handlers } from '../http/handlers.ts';
import type { Services } from '../services/context.ts';
import { localPool, planNewNetwork } from '../services/plans.ts';
import { userOf } from './user-of.ts';

type NetworkHandlers = Pick<Handlers, 'network.create' | 'network.list' | 'network.show' | 'network.delete' | 'storage.list'>;

export function networkHandlers(services: Services): NetworkHandlers {
  const { networks, engine, config } = services;
  return {
    'network.create': async (request) =>
      engine.start('network.create', { spec: await planNewNetwork(services, request.body) }, userOf(request)),
    'network.list': async () => Promise.all(networks.specs().map((spec) => networks.view(spec))),
    'network.show': async ({ params }) => networks.view(networks.resolve(params.network)),
    'network.delete': async (request) => {
      const spec = networks.resolve(request.params.network);
      networks.refuseWhileUsed(spec.name);
      return engine.start('network.delete', { spec }, userOf(request));
    },
    'storage.list': () => listPools({ [localPool]: config.folders.root }, { node: config.node }),
  };
}

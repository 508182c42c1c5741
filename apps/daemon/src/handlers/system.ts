import { NakhodaError, type SystemStatus } from '@nakhoda/schema';

import type { Handlers } from '../http/handlers.ts';
import type { Services } from '../services/context.ts';
import { hostCheck } from '../services/host-check.ts';

type SystemHandlers = Pick<Handlers, 'system.status' | 'system.stop' | 'host.check' | 'hypervisor.list' | 'events'>;

export function systemHandlers(services: Services, daemon: { url(): string; stop(): void }): SystemHandlers {
  const { config, hypervisors, bus } = services;
  const status = (): SystemStatus => ({
    product: 'nakhoda',
    version: services.version,
    node: config.node,
    pid: process.pid,
    startedAt: services.startedAt,
    data: config.folders.root,
    url: daemon.url(),
  });
  const requireNode = (node: string): void => {
    if (node === config.node) return;
    throw new NakhodaError('node.not-found', { message: `There is no node called ${node}.`, hint: `This one is called ${config.node}.` });
  };

  return {
    'system.status': async () => status(),
    'system.stop': async () => {
      // The answer has to leave first.
      setImmediate(daemon.stop);
      return status();
    },
    'host.check': async ({ params }) => {
      requireNode(params.node);
      return hostCheck(services);
    },
    'hypervisor.list': async ({ params }) => {
      requireNode(params.node);
      return hypervisors.describe();
    },
    'events': async ({ lastEventId, signal }) => {
      const afterId = lastEventId === null ? Number.NaN : Number(lastEventId);
      return bus.subscribe(Number.isSafeInteger(afterId) ? { afterId, signal } : { signal });
    },
  };
}

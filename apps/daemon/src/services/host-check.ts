import { hostname } from 'node:os';

import { checkHost } from '@nakhoda/host';
import type { HostCheck } from '@nakhoda/schema';

import type { Services } from './context.ts';

/** What this host can do, looked at anew. */
export async function hostCheck(services: Pick<Services, 'hypervisors' | 'config'>): Promise<HostCheck> {
  const { hypervisors, config } = services;
  const probed = await Promise.all(
    hypervisors.all().map(async (driver) => ({ id: driver.id, result: await hypervisors.probe(driver.id) })),
  );
  return { node: config.node, hostname: hostname(), checkedAt: new Date().toISOString(), facts: await checkHost({ hypervisors: probed }) };
}

import type { HostFact } from '@nakhoda/schema';

import type { HypervisorFinding } from './describe-host.ts';
import { describeHost } from './describe-host.ts';
import { readHost } from './read-host.ts';

/**
 * What this host can do. Takes up to about 2 s, of which the KVM probe is most; leaves nothing behind.
 * @param options.hypervisors what the drivers' `probe` said, for their lines
 */
export async function checkHost(options: { hypervisors: readonly HypervisorFinding[]; signal?: AbortSignal }): Promise<HostFact[]> {
  return describeHost(await readHost(options.signal ? { signal: options.signal } : {}), options.hypervisors);
}

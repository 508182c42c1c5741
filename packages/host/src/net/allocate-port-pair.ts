import { NakhodaError } from '@nakhoda/schema';

import { isUdpPortFree } from './udp-ports.ts';

export interface PortPair {
  /** The VM's end, which VirtualBox binds on all addresses. */
  localPort: number;
  /** The relay's end, bound on 127.0.0.1. */
  peerPort: number;
}

/**
 * Two UDP ports that nobody uses, the lowest of the range. The default range is below the kernel's for outgoing
 * connections (32768 and up), so nothing takes them by chance.
 *
 * @param inUse ports of all pairs given out already; those of stopped VMs are not bound and cannot be seen
 * @throws NakhodaError `network.failed` when fewer than two are left.
 */
export async function allocatePortPair(
  inUse: Iterable<number>,
  options: { isFree?: (port: number) => Promise<boolean>; from?: number; to?: number } = {},
): Promise<PortPair> {
  const { isFree = isUdpPortFree, from = 20_000, to = 29_999 } = options;
  const taken = new Set(inUse);
  let localPort: number | undefined;
  for (let port = from; port <= to; port += 1) {
    if (taken.has(port) || !(await isFree(port))) continue;
    if (localPort !== undefined) return { localPort, peerPort: port };
    localPort = port;
  }
  throw new NakhodaError('network.failed', {
    message: `No two free UDP ports are left between ${from} and ${to}.`,
    hint: 'Remove NICs of VirtualBox VMs, or end the programs that hold these ports: ss -ulnp',
  });
}

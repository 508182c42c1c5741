import type { NetworkHost } from '../services/network-host.ts';

/** A host without networks: remembers what it was asked for. For tests of handlers and sagas; proves nothing of Linux. */
export interface MemoryNetworkHost extends NetworkHost {
  /** Names of bridges that are up and NICs that are attached, sorted. */
  present(): string[];
}

export function createMemoryNetworkHost(): MemoryNetworkHost {
  const present = new Set<string>();
  return {
    present: () => [...present].sort(),
    ensure: async (_ctx, spec) => void present.add(spec.bridge),
    remove: async (_ctx, spec) => void present.delete(spec.bridge),
    observe: async (spec) =>
      present.has(spec.bridge) ? { state: 'up', addresses: [] } : { state: 'down', reason: 'It was not made.', addresses: [] },
    addresses: async () => [],
    plan: async () => ({ kind: 'none' }),
    attach: async (_ctx, nic) => void present.add(`${nic.vmid}/${nic.slot}`),
    detach: async (_ctx, nic) => void present.delete(`${nic.vmid}/${nic.slot}`),
  };
}

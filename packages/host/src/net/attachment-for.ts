import type { Capabilities } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema';

import type { PortPair } from './allocate-port-pair.ts';

/** How a NIC reaches its network; the driver contract's `NicAttachment`. */
export type Attachment =
  | { kind: 'tap'; tap: string }
  | { kind: 'bridged'; interface: string }
  | { kind: 'udp-tunnel'; localPort: number; peerPort: number }
  | { kind: 'none' };

/**
 * How a NIC of this hypervisor joins a network. The caller prepares the host's side: `ensureTap` for `tap` and
 * `bridged`, `ensureRelay` for `udp-tunnel`.
 *
 * `bridged` is VirtualBox's adapter with its driver vboxnetflt. It gets a TAP of its own on the bridge, not the
 * bridge: a port learns its MAC, where frames for a MAC behind the bridge interface itself are sent to all ports.
 *
 * @param nic.network null: no cable
 * @param nic.ports the pair of UDP ports set aside for it; needed for `udp-tunnel` alone
 * @throws NakhodaError `vm.unsupported` when the hypervisor has no way onto a bridge.
 */
export function attachmentFor(
  nicBackends: Capabilities['nicBackends'],
  nic: { network: string | null; tap: string; ports: PortPair | null },
): Attachment {
  if (nic.network === null) return { kind: 'none' };
  if (nicBackends.includes('tap')) return { kind: 'tap', tap: nic.tap };
  if (nicBackends.includes('bridged')) return { kind: 'bridged', interface: nic.tap };
  if (nicBackends.includes('udp-tunnel') && nic.ports) return { kind: 'udp-tunnel', ...nic.ports };
  throw new NakhodaError('vm.unsupported', {
    message: `This hypervisor has no way to join the network ${nic.network}; it offers ${nicBackends.join(', ') || 'none'}.`,
    hint: 'Create the VM without a network, or on another hypervisor.',
  });
}

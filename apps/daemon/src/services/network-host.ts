import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { DriverContext, NicAttachment } from '@nakhoda/driver';
import {
  allocatePortPair,
  attachmentFor,
  ensureNetwork,
  ensureRelay,
  ensureTap,
  leaseFilePath,
  mergeAddresses,
  observeNetwork,
  readLeases,
  readNeighbours,
  removeNetwork,
  removeRelay,
  removeTap,
  tapName,
  vmIdentity,
} from '@nakhoda/host';
import type { Capabilities, Lease, Network, NetworkSpec } from '@nakhoda/schema';

import type { DaemonConfig } from '../config.ts';
import { quietContext } from './hypervisors.ts';

/** A NIC's place on the host. */
export interface NicPlace {
  attachment: NicAttachment;
  network: NetworkSpec;
  vmid: number;
  slot: string;
}

/** What networks need of a host. The one that counts is Linux; tests of handlers have one that does nothing. */
export interface NetworkHost {
  ensure(ctx: DriverContext, spec: NetworkSpec): Promise<void>;
  remove(ctx: DriverContext, spec: NetworkSpec): Promise<void>;
  observe(spec: NetworkSpec): Promise<{ state: Network['state']; reason?: string; addresses: Lease[] }>;
  /** The addresses in use, as leases and the kernel know them; cheaper than `observe`. */
  addresses(spec: NetworkSpec): Promise<Lease[]>;
  /** How a new NIC will reach its network. Changes nothing. */
  plan(options: {
    vmid: number;
    slot: string;
    network: NetworkSpec;
    backends: Capabilities['nicBackends'];
    inUse: readonly NicAttachment[];
  }): Promise<NicAttachment>;
  attach(ctx: DriverContext, nic: NicPlace): Promise<void>;
  detach(ctx: DriverContext, nic: NicPlace): Promise<void>;
}

/** Bridges, TAPs, dnsmasq and relays on this host, all marked as this daemon's. */
export function createLinuxNetworkHost(config: Pick<DaemonConfig, 'folders' | 'owner'>): NetworkHost {
  const { folders, owner } = config;
  const place = (name: string) => ({ ...networkFolders(folders.networks, folders.run, name), owner });

  const addresses = async (spec: NetworkSpec): Promise<Lease[]> => {
    const [leases, neighbours] = await Promise.all([
      readLeases(leaseFilePath(spec, place(spec.name))),
      readNeighbours(
        quietContext(() => undefined),
        spec.bridge,
      ),
    ]);
    return mergeAddresses({ leases, neighbours });
  };

  return {
    ensure: async (ctx, spec) => ensureNetwork(ctx, spec, place(spec.name)),

    async remove(ctx, spec) {
      await removeNetwork(ctx, spec, place(spec.name));
      for (const folder of Object.values(networkFolders(folders.networks, folders.run, spec.name))) {
        await rm(folder, { recursive: true, force: true });
      }
    },

    async observe(spec) {
      const ctx = quietContext(() => undefined);
      const [observed, known] = await Promise.all([observeNetwork(ctx, spec, place(spec.name)), addresses(spec)]);
      return { ...observed, addresses: known };
    },

    addresses,

    async plan({ vmid, slot, network, backends, inUse }) {
      // A driver that needs nothing of the host, as the fake one.
      if (backends.every((backend) => backend === 'none')) return { kind: 'none' };
      const ports = backends.includes('udp-tunnel')
        ? await allocatePortPair(inUse.flatMap((other) => (other.kind === 'udp-tunnel' ? [other.localPort, other.peerPort] : [])))
        : null;
      return attachmentFor(backends, { network: network.name, tap: tapName({ owner, vmid, slot }), ports });
    },

    async attach(ctx, { attachment, network, vmid, slot }) {
      const tap = tapName({ owner, vmid, slot });
      const { bridge } = network;
      // QEMU opens its TAP as the VM's own user.
      const user = attachment.kind === 'tap' ? { user: vmIdentity({ owner, vmid }).uid } : {};
      if (attachment.kind === 'tap' || attachment.kind === 'bridged') await ensureTap(ctx, { tap, bridge, ...user }, { owner });
      if (attachment.kind !== 'udp-tunnel') return;
      const { localPort, peerPort } = attachment;
      const guard = await ensureRelay(ctx, { tap, bridge, localPort, peerPort }, place(network.name));
      if (!guard.guarded) ctx.log(`The VM's UDP port ${localPort} is not guarded: ${guard.reason}`);
    },

    async detach(ctx, { attachment, network, vmid, slot }) {
      const tap = tapName({ owner, vmid, slot });
      if (attachment.kind === 'tap' || attachment.kind === 'bridged') await removeTap(ctx, { tap, owner });
      if (attachment.kind !== 'udp-tunnel') return;
      const { localPort, peerPort } = attachment;
      await removeRelay(ctx, { tap, bridge: network.bridge, localPort, peerPort }, place(network.name));
    },
  };
}

/** Where a network's lease file and DHCP server's record lie. */
function networkFolders(networks: string, run: string, name: string): { directory: string; runtimeDirectory: string } {
  return { directory: join(networks, name), runtimeDirectory: join(run, 'net', name) };
}

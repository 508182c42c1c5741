import { isDeepStrictEqual } from 'node:util';

import type { DriverContext, NicAttachment } from '@nakhoda/driver';
import { Mutex, planNetwork, withKeyedLock } from '@nakhoda/host';
import type { Capabilities, Lease, Network, NetworkSpec } from '@nakhoda/schema';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';
import type { Store } from '@nakhoda/store';

import type { EventBus } from './event-bus.ts';
import type { NetworkHost } from './network-host.ts';
import { runningPlan, type VmPlan, type VmRecord } from './vm-record.ts';

/** How long a network that was found right counts as right for a VM that starts, in milliseconds: the reconciler's period, and some. */
const trustedMs = 20_000;

const networkKey = (name: string): string => `networks/${name}`;

/** Networks of this node, what hangs on them, and the addresses seen there. */
export interface Networks {
  load(): Promise<void>;
  specs(): readonly NetworkSpec[];
  /** @throws NakhodaError `network.not-found` */
  resolve(name: string): NetworkSpec;
  view(spec: NetworkSpec): Promise<Network>;
  /**
   * Refuses networks that do not exist, or that a task is making or deleting: either may end with the network gone.
   * @throws NakhodaError `network.not-found`
   */
  requireUsable(names: readonly string[]): void;
  /** @throws NakhodaError `network.in-use` when a VM has a NIC on it */
  refuseWhileUsed(name: string): void;
  /** @throws NakhodaError `network.name-taken`, `network.cidr-overlap`: another request may have been quicker */
  add(spec: NetworkSpec): Promise<void>;
  remove(name: string): Promise<void>;
  /**
   * Makes or repairs the network's side of the host. Whoever works on one network, or on one VM's NICs, takes turns.
   * @param unless asked when the turn has come: true leaves everything as it is
   */
  bringUp(ctx: DriverContext, spec: NetworkSpec, unless?: () => boolean): Promise<void>;
  takeDown(ctx: DriverContext, spec: NetworkSpec): Promise<void>;
  /**
   * Chooses how a VM's NICs will reach their networks, and promises it the ports. Changes nothing on the host.
   * @param kept attachments that NICs have already, by slot; they stay
   */
  planAttachments(
    record: Omit<VmRecord, 'attachments'>,
    backends: Capabilities['nicBackends'],
    kept?: VmRecord['attachments'],
  ): Promise<VmRecord['attachments']>;
  /** Makes the host's side of each NIC. Idempotent. For `unless` see `bringUp`. */
  attach(ctx: DriverContext, record: VmRecord, unless?: () => boolean): Promise<void>;
  /** Removes the host's side of each NIC. Idempotent. For `unless` see `bringUp`. */
  detach(ctx: DriverContext, record: VmRecord, unless?: () => boolean): Promise<void>;
  /** Removes the host's side of some of a plan's NICs. Idempotent. */
  detachNics(ctx: DriverContext, plan: VmPlan, slots: readonly string[]): Promise<void>;
  /** Addresses on every network, by lease and by ARP. */
  leases(): Promise<Lease[]>;
}

export function createNetworks(options: {
  store: Store;
  bus: EventBus;
  host: NetworkHost;
  /** Every VM there is, to see who is attached. */
  records(): readonly VmRecord[];
  /** Whether an unfinished task has the network in its hands, or waits for it. */
  isBusy(name: string): boolean;
}): Networks {
  const { store, bus, host } = options;
  const specs = new Map<string, NetworkSpec>();
  /** Given to VMs whose record may not be written yet, by vmid. */
  const promised = new Map<number, VmRecord['attachments']>();
  const planning = new Mutex();
  const adding = new Mutex();

  const resolve = (name: string): NetworkSpec => {
    const spec = specs.get(name);
    if (spec) return spec;
    throw new NakhodaError('network.not-found', {
      message: `There is no network called ${name}.`,
      hint:
        specs.size === 0
          ? 'Make one: nakhoda network create lab --cidr 10.77.0.0/24 --dhcp'
          : `There are: ${[...specs.keys()].join(', ')}.`,
    });
  };

  /** When the host's side of a network was last seen or made right, by `performance.now`. */
  const ensuredAt = new Map<string, number>();
  const ensureHost = async (ctx: DriverContext, spec: NetworkSpec): Promise<void> => {
    await host.ensure(ctx, spec);
    ensuredAt.set(spec.name, performance.now());
  };
  const ensure = (ctx: DriverContext, spec: NetworkSpec): Promise<void> =>
    withKeyedLock(networkTurn(spec.name), () => ensureHost(ctx, spec));

  /** NICs that a VM has, and those that its next start will bring. */
  const allNics = (record: VmRecord): VmRecord['spec']['nics'] => [...record.spec.nics, ...(record.active?.spec.nics ?? [])];

  const attachedTo = (name: string): string[] =>
    options
      .records()
      .filter((record) => allNics(record).some((nic) => nic.network === name))
      .map((record) => record.spec.name);

  const refuseWhileUsed = (name: string): void => {
    const users = attachedTo(name);
    if (users.length === 0) return;
    throw new NakhodaError('network.in-use', {
      message: `${users.length === 1 ? 'A VM is' : `${users.length} VMs are`} attached to ${name}: ${users.join(', ')}.`,
      hint: 'Destroy them first.',
    });
  };

  const view = async (spec: NetworkSpec): Promise<Network> => {
    const observed = await host.observe(spec);
    const byMac = new Map(options.records().flatMap((record) => allNics(record).map((nic) => [nic.mac, record.spec.vmid] as const)));
    return {
      ...spec,
      state: observed.state,
      ...(observed.reason === undefined ? {} : { stateReason: observed.reason }),
      addresses: observed.addresses.map((lease) => {
        const vmid = byMac.get(lease.mac);
        return vmid === undefined ? lease : { ...lease, vmid };
      }),
    };
  };

  const each = async (
    record: VmRecord,
    act: (attachment: NicAttachment, spec: NetworkSpec, slot: string) => Promise<void>,
  ): Promise<void> => {
    const plan = runningPlan(record);
    for (const nic of plan.spec.nics) {
      const spec = specs.get(nic.network);
      const attachment = plan.attachments[nic.slot];
      if (spec && attachment) await act(attachment, spec, nic.slot);
    }
  };

  return {
    specs: () => [...specs.values()],
    resolve,
    view,

    async load() {
      for (const entry of await store.list('networks/')) {
        const spec = entry.value as NetworkSpec;
        specs.set(spec.name, spec);
      }
    },

    requireUsable(names) {
      for (const name of names) {
        const spec = resolve(name);
        if (!options.isBusy(spec.name)) continue;
        throw new NakhodaError('network.not-found', {
          message: `The network ${name} is being made or deleted at this moment.`,
          hint: 'Wait for that task (`nakhoda task list`), or choose another network.',
        });
      }
    },

    refuseWhileUsed,

    add: (spec) =>
      adding.run(async () => {
        const present = await store.get(networkKey(spec.name));
        // The same step repeated after a crash.
        const ours = present !== null && isDeepStrictEqual(present.value, spec);
        if (present && !ours) {
          throw new NakhodaError('network.name-taken', {
            message: `There is a network called ${spec.name} already.`,
            hint: 'Choose another name.',
          });
        }
        const { name, cidr } = spec;
        planNetwork({ name, cidr, dhcp: spec.dhcp !== null, others: [...specs.values()] }, { links: [], routes: [] });
        if (!present) await store.put(networkKey(name), spec, { expectedRevision: 0 });
        specs.set(name, spec);
      }),

    async remove(name) {
      await store.delete(networkKey(name));
      if (specs.delete(name)) bus.publish({ type: 'network-removed', name });
    },

    bringUp: (ctx, spec, unless) =>
      withKeyedLock(networkTurn(spec.name), async () => {
        if (unless?.()) return;
        await ensureHost(ctx, spec);
        bus.publish({ type: 'network', network: await view(spec) });
      }),

    takeDown: (ctx, spec) =>
      withKeyedLock(networkTurn(spec.name), () => {
        ensuredAt.delete(spec.name);
        return host.remove(ctx, spec);
      }),

    planAttachments: (record, backends, kept = {}) =>
      planning.run(async () => {
        const { vmid, nics } = record.spec;
        const recorded = options.records().flatMap(({ attachments, active }) => [attachments, active?.attachments ?? {}]);
        const inUse = [...promised.values(), ...recorded].flatMap((attachments) => Object.values(attachments));
        const planned: VmRecord['attachments'] = {};
        for (const { slot, network } of nics) {
          const inUseByNow = [...inUse, ...Object.values(planned)];
          planned[slot] = kept[slot] ?? (await host.plan({ vmid, slot, network: resolve(network), backends, inUse: inUseByNow }));
        }
        promised.set(vmid, planned);
        return planned;
      }),

    attach: (ctx, record, unless) =>
      withKeyedLock(nicsTurn(record), async () => {
        if (unless?.()) return;
        await each(record, async (attachment, spec, slot) => {
          const nic = { attachment, network: spec, vmid: record.spec.vmid, slot };
          // A VM that is being started does not wait for a look at a network that was right a moment ago; the reconciler,
          // which gives `unless`, looks as soon as the VM runs.
          if (unless === undefined && performance.now() - (ensuredAt.get(spec.name) ?? -Infinity) < trustedMs) {
            try {
              await host.attach(ctx, nic);
              return;
            } catch (error) {
              ctx.signal.throwIfAborted();
              ctx.log(`${spec.name} is not as it was; it is mended first: ${toNakhodaError(error).message}`);
            }
          }
          await ensure(ctx, spec);
          await host.attach(ctx, nic);
        });
      }),

    detach: (ctx, record, unless) =>
      withKeyedLock(nicsTurn(record), async () => {
        if (unless?.()) return;
        await each(record, (attachment, spec, slot) => host.detach(ctx, { attachment, network: spec, vmid: record.spec.vmid, slot }));
      }),

    detachNics: (ctx, plan, slots) =>
      withKeyedLock(nicsTurn(plan), () =>
        each(plan, async (attachment, spec, slot) => {
          if (slots.includes(slot)) await host.detach(ctx, { attachment, network: spec, vmid: plan.spec.vmid, slot });
        }),
      ),

    async leases() {
      const all = await Promise.all([...specs.values()].map((spec) => host.addresses(spec)));
      return all.flat();
    },
  };
}

const networkTurn = (name: string): string => `host side of network ${name}`;
const nicsTurn = ({ spec }: VmPlan): string => `host side of VM ${spec.vmid}`;

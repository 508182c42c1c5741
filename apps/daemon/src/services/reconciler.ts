import { watch } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import type { DriverEvent } from '@nakhoda/driver';
import { type NetworkSpec, toNakhodaError, type VmState } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { createCrashRestarts } from './crash-restarts.ts';
import { quietContext } from './hypervisors.ts';
import type { VmRecord } from './vm-record.ts';

/** Milliseconds between two rounds when nothing signals one. */
const periodMs = 15_000;

/** From a VM's change to the question which addresses there are, in milliseconds; several changes share it. */
const learnAfterMs = 500;

/** Brings the host in line with what is wanted, again and again. Takes no input; each round is idempotent. */
export interface Reconciler {
  /** One round now; several callers share it. */
  round(): Promise<void>;
  /** Rounds on every signal and on a period, and the drivers' events, until the signal ends them. */
  run(signal: AbortSignal): Promise<void>;
}

export function createReconciler(services: Services): Reconciler {
  const { inventory, networks, hypervisors, engine, log, config } = services;
  const stopped = new AbortController();
  const restarts = createCrashRestarts(services, stopped.signal);
  const context = (): ReturnType<typeof quietContext> => quietContext(log);
  let running: Promise<void> | null = null;
  let ended = new AbortController().signal;

  /** Runs what may fail for one object without spoiling the round for the others. */
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      log(`reconciling ${what}: ${toNakhodaError(error).message}`);
    }
  };

  /** A task has the object in its hands; what it makes or removes is its own affair. And what is gone stays gone. */
  const isOurs = (record: VmRecord): boolean => !engine.isLocked(`vm/${record.spec.vmid}`) && inventory.byVmid(record.spec.vmid) === record;
  const isOurNetwork = (spec: NetworkSpec): boolean => !engine.isLocked(`network/${spec.name}`) && networks.specs().includes(spec);

  const reconcileVm = async (record: VmRecord): Promise<void> => {
    const isIn = (...states: VmState[]): boolean => isOurs(record) && states.includes(inventory.state(record.spec.vmid));
    await networks.attach(context(), record, () => !isIn('running', 'paused'));
    await networks.detach(context(), record, () => !isIn('stopped', 'crashed'));
  };

  const learnAddresses = async (): Promise<void> => {
    const alive = inventory.records().filter((record) => ['running', 'paused'].includes(inventory.state(record.spec.vmid)));
    // Only who runs has addresses, and to ask takes programs.
    const leases = alive.some((record) => record.spec.nics.length > 0) ? await networks.leases() : [];
    const known = new Set(leases.map((lease) => lease.mac));
    // The guest is asked only where neither lease nor ARP knows: an agent may be slow.
    const silent = inventory
      .records()
      .filter((record) => inventory.state(record.spec.vmid) === 'running' && record.spec.nics.some((nic) => !known.has(nic.mac)))
      .filter((record) => !engine.isLocked(`vm/${record.spec.vmid}`));
    // All at once: a guest whose agent hangs must not hold up the others.
    await Promise.all(
      silent.map(async ({ spec }) => {
        const found = await hypervisors
          .driver(spec.hypervisor)
          .guest?.addresses(quietContext(log, ended), { vmid: spec.vmid })
          .catch(() => []);
        for (const { mac, address } of found ?? []) leases.push({ mac, address, source: 'agent', vmid: spec.vmid });
      }),
    );
    inventory.setLeases(leases);
  };

  let learning: Promise<void> | null = null;
  let learnAgain = false;
  /** Several callers share it; who comes while it runs has it run once more. */
  const learn = (): Promise<void> => {
    learnAgain = true;
    learning ??= (async () => {
      while (learnAgain) {
        learnAgain = false;
        await attempt('addresses', learnAddresses);
      }
      learning = null;
    })();
    return learning;
  };

  let soon: NodeJS.Timeout | null = null;
  /** Not at once: to ask the kernel takes programs, which would compete with the VM that is being started. */
  const learnSoon = (): void => {
    soon ??= setTimeout(() => {
      soon = null;
      if (!ended.aborted) void learn();
    }, learnAfterMs);
  };

  const once = async (): Promise<void> => {
    await inventory.refreshAll();
    for (const spec of networks.specs()) {
      await attempt(`network ${spec.name}`, () => networks.bringUp(context(), spec, () => !isOurNetwork(spec)));
    }
    for (const record of inventory.records()) await attempt(`VM ${record.spec.vmid}`, () => reconcileVm(record));
    restarts.look();
    await learn();
  };

  const round = (): Promise<void> => {
    running ??= once().finally(() => {
      running = null;
    });
    return running;
  };

  const afterChange = async (vmid: number): Promise<void> => {
    const record = inventory.byVmid(vmid);
    if (record) await attempt(`VM ${vmid}`, () => reconcileVm(record));
    restarts.look();
    learnSoon();
  };

  /**
   * Each event's VM is looked at, and thereby published, at once; what follows from it on the host is done one VM after
   * the other. Looks at one VM wait for each other, so that the last tells the last state.
   */
  const follow = async (events: AsyncIterable<DriverEvent>): Promise<void> => {
    const looks = new Map<number, Promise<void>>();
    let following: Promise<void> = Promise.resolve();
    for await (const { vmid } of events) {
      const look = (looks.get(vmid) ?? Promise.resolve()).then(() => inventory.refresh(vmid));
      looks.set(vmid, look);
      following = Promise.all([following, look]).then(() => {
        if (looks.get(vmid) === look) looks.delete(vmid);
        return afterChange(vmid);
      });
    }
    await following;
  };

  /** A guest has got its address when the DHCP server has written the lease. */
  const followLeases = async (signal: AbortSignal): Promise<void> => {
    for await (const change of watch(config.folders.networks, { recursive: true, signal })) {
      if (change.filename?.endsWith('.leases')) void learn();
    }
  };

  return {
    round,
    async run(signal) {
      ended = signal;
      signal.addEventListener('abort', () => stopped.abort(), { once: true });
      const following = hypervisors.all().map((driver) =>
        follow(driver.events(signal)).catch((error: unknown) => {
          if (!signal.aborted) log(`events of ${driver.id} ended: ${toNakhodaError(error).message}`);
        }),
      );
      following.push(
        followLeases(signal).catch((error: unknown) => {
          if (!signal.aborted) log(`leases are seen on the period only: ${toNakhodaError(error).message}`);
        }),
      );
      while (!signal.aborted) {
        await delay(periodMs, undefined, { signal }).catch(() => undefined);
        if (!signal.aborted) await round();
      }
      await Promise.all(following);
      if (soon) clearTimeout(soon);
      await learning;
    },
  };
}

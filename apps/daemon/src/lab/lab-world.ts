import type { DriverContext, GuestFacet } from '@nakhoda/driver';
import { type ProcessReading, type ProcessSample, processSampleBetween, sampleHostWhile, sampleProcess, waitFor } from '@nakhoda/host';
import { type HypervisorId, NakhodaError, type NetworkSpec, type Task, fromErrorBody } from '@nakhoda/schema';

import type { Services } from '../services/context.ts';
import { planNewNetwork, planNewVm } from '../services/plans.ts';
import type { LabWorld } from './experiment.ts';
import { labGuest } from './lab-guest.ts';

/** Seconds until a guest must answer. VirtualBox's interpreter takes about 50 on two idle cores, more beside others. */
const bootLimitSeconds = 300;
const guestMemoryMiB = 128;

/** Network ranges that the experiment tries until one is free on this host. */
const candidates = Array.from({ length: 40 }, (_, index) => `10.77.${index * 6}.0/24`);

/** The daemon's own operations as the experiment uses them: every step is a task like anybody's. */
export async function createLabWorld(services: Services, ctx: DriverContext, mark: string): Promise<LabWorld> {
  const { inventory, networks, hypervisors } = services;
  const network = await makeNetwork(services, ctx, `lab-${mark}`);

  const facet = (hypervisor: HypervisorId): GuestFacet => {
    const found = hypervisors.driver(hypervisor).guest;
    if (found) return found;
    throw new NakhodaError('vm.unsupported', {
      message: `${hypervisor} cannot reach into guests on this host.`,
      hint: 'Leave it out with --hypervisors.',
    });
  };
  const operate = async (kind: string, vmid: number, more: object = {}): Promise<number> => {
    const began = performance.now();
    const { name } = inventory.resolve(String(vmid)).spec;
    await runChild(services, ctx, kind, { vmid, name, ...more });
    return Math.round((performance.now() - began) / 10) / 100;
  };

  return {
    async createGuest(hypervisor) {
      const record = await planNewVm(services, {
        name: `lab-${mark}-${hypervisor}`,
        hypervisor,
        memoryMiB: guestMemoryMiB,
        diskGiB: 1,
        cdrom: 'tiny',
        network: network.name,
      });
      await runChild(services, ctx, 'vm.create', { record, start: false });
      const startSeconds = await operate('vm.start', record.spec.vmid);
      return { vmid: record.spec.vmid, name: record.spec.name, startSeconds };
    },

    async guestReady(hypervisor, vmid) {
      const channel = await facet(hypervisor).ready(ctx, { vmid, timeoutSeconds: bootLimitSeconds });
      if (channel !== null) {
        const { name } = inventory.resolve(String(vmid)).spec;
        return { guest: labGuest({ hypervisor, vmid, name, facet: facet(hypervisor), ctx }), channel };
      }
      throw new NakhodaError('guest.timeout', {
        message: `Nothing in the ${hypervisor} guest answered within ${bootLimitSeconds} s.`,
        hint: 'Its console log is in the data folder; `nakhoda console` shows it live.',
      });
    },

    async address(vmid) {
      return waitFor(
        async () => {
          const { spec } = inventory.resolve(String(vmid));
          const leases = await networks.leases();
          return spec.nics.map((nic) => leases.find((lease) => lease.mac === nic.mac)?.address).find((address) => address !== undefined);
        },
        { timeoutMs: 60_000, pollMs: 500, signal: ctx.signal },
      );
    },

    async takeSnapshot(vmid, snapshot) {
      const seconds = await operate('snapshot.take', vmid, { snapshot, description: 'before the change', memory: true });
      const { hypervisor } = inventory.resolve(String(vmid)).spec;
      const taken = await hypervisors.driver(hypervisor).snapshots?.list(ctx, { vmid });
      return { seconds, memory: taken?.find((one) => one.name === snapshot)?.memory ?? false };
    },

    rollback: async (vmid, snapshot) => ({ seconds: await operate('snapshot.rollback', vmid, { snapshot }) }),

    async sampleWhile(vmids, work) {
      const read = (): Promise<(ProcessReading | null)[]> =>
        Promise.all(
          vmids.map(async (vmid) => {
            const pid = inventory.view(inventory.resolve(String(vmid))).pid;
            return pid === undefined ? null : sampleProcess(pid);
          }),
        );
      const before = await read();
      const { value, sample } = await sampleHostWhile(work);
      const after = await read();
      const processes = vmids.map((vmid, index): [number, ProcessSample | null] => {
        const [first, last] = [before[index], after[index]];
        return [vmid, first && last ? processSampleBetween(first, last) : null];
      });
      return { value, sample: { host: sample, processes: Object.fromEntries(processes) } };
    },

    async cleanUp() {
      await removeLeftovers(services, ctx, mark);
      const guests = inventory.records().filter((record) => record.spec.name.startsWith(`lab-${mark}-`));
      const left = networks.specs().filter((spec) => spec.name === network.name);
      return { leftovers: [...guests.map((record) => record.spec.name), ...left.map((spec) => spec.bridge)] };
    },
  };
}

async function makeNetwork(services: Services, ctx: DriverContext, name: string): Promise<NetworkSpec> {
  for (const cidr of candidates) {
    try {
      const spec = await planNewNetwork(services, { name, cidr, dhcp: true });
      await runChild(services, ctx, 'network.create', { spec });
      return spec;
    } catch (error) {
      if (!(error instanceof NakhodaError) || error.code !== 'network.cidr-overlap') throw error;
    }
  }
  throw new NakhodaError('lab.failed', {
    message: 'Every address range that the experiment could use (10.77.0.0/24 and on) overlaps one of this host.',
    hint: 'Run it in a network namespace, or on another host.',
  });
}

/** Stops and destroys the guests of a run, then its network. Idempotent; what is gone already is fine. */
export async function removeLeftovers(services: Services, ctx: DriverContext, mark: string): Promise<void> {
  const { inventory, networks } = services;
  const guests = inventory.records().filter((record) => record.spec.name.startsWith(`lab-${mark}-`));
  await Promise.all(
    guests.map(async ({ spec: { vmid, name } }) => {
      try {
        await runChild(services, ctx, 'vm.stop', { vmid, name, timeoutSeconds: 30 });
        await runChild(services, ctx, 'vm.destroy', { vmid, name });
      } catch (error) {
        // After a crash of the daemon, the task that was making the guest has undone that by itself meanwhile.
        if (!(error instanceof NakhodaError) || error.code !== 'vm.not-found') throw error;
      }
    }),
  );
  const spec = networks.specs().find((candidate) => candidate.name === `lab-${mark}`);
  if (spec) await runChild(services, ctx, 'network.delete', { spec });
}

/** Runs another task to its end. @throws NakhodaError the task's own error */
async function runChild(services: Services, ctx: DriverContext, kind: string, input: object): Promise<Task> {
  ctx.signal.throwIfAborted();
  const { engine } = services;
  const started = await engine.start(kind, input, { user: 'lab@local' });
  const cancel = (): void => void engine.cancel(started.id).catch(() => undefined);
  ctx.signal.addEventListener('abort', cancel, { once: true });
  try {
    const ended = await engine.wait(started.id);
    if (ended.state === 'succeeded') return ended;
    throw fromErrorBody(
      (ended.error ?? { code: 'internal', message: `${ended.title} ended as ${ended.state}.`, hint: 'See `nakhoda task show`.' }) as never,
    );
  } finally {
    ctx.signal.removeEventListener('abort', cancel);
  }
}

import { type Client } from '@nakhoda/client';
import { errorTable, hasEnded, NakhodaError, type Task } from '@nakhoda/schema';

import type { SeededRandom } from './seeded-random.ts';

export const vmNames = ['anna', 'bert', 'cleo', 'dora', 'emil'] as const;
export const networkNames = ['neta', 'netb'] as const;
/** The last two overlap, so one of them is refused while the other is in use. */
const ranges = ['10.77.0.0/24', '10.78.0.0/24', '10.78.0.0/25'] as const;
const snapshotNames = ['m1', 'm2', 'd1', 'd2'] as const;
const parallelOrders = 4;

/** What a client has been told about the orders that it gave. */
export interface Workload {
  /** The last form in which each task was shown, by id. */
  readonly seen: Map<string, Task>;
  /** Gives random orders, several at once, until the signal says that the daemon is about to be killed. */
  run(signal: AbortSignal): Promise<void>;
  /** Tells how many orders were refused, by code. */
  readonly refusals: Map<string, number>;
}

export function createWorkload(client: Client, random: SeededRandom): Workload {
  const seen = new Map<string, Task>();
  const refusals = new Map<string, number>();

  const vm = (): { params: { vm: string } } => ({ params: { vm: random.pick(vmNames) } });
  const snapshotOf = (): { params: { vm: string; name: string } } => ({
    params: { vm: random.pick(vmNames), name: random.pick(snapshotNames) },
  });
  const orders: readonly [() => Promise<unknown>, ...(() => Promise<unknown>)[]] = [
    createVm,
    createVm,
    createVm,
    () => client.call('vm.start', vm()),
    () => client.call('vm.start', vm()),
    () => client.call('vm.stop', { ...vm(), body: {} }),
    () => client.call('vm.shutdown', { ...vm(), body: { timeoutSeconds: 5 } }),
    () => client.call('vm.destroy', vm()),
    () => client.call('vm.destroy', vm()),
    takeSnapshot,
    takeSnapshot,
    () => client.call('snapshot.rollback', snapshotOf()),
    () => client.call('snapshot.delete', snapshotOf()),
    execInVm,
    createNetwork,
    () => client.call('network.delete', { params: { network: random.pick(networkNames) } }),
    cancelSomeTask,
  ];

  async function createVm(): Promise<Task> {
    const network = random.integer(2) === 0 ? {} : { network: random.pick(networkNames) };
    return client.call('vm.create', {
      body: { name: random.pick(vmNames), hypervisor: 'fake', memoryMiB: 64, diskGiB: 1, start: random.integer(2) === 0, ...network },
    });
  }
  async function takeSnapshot(): Promise<Task> {
    const name = random.pick(snapshotNames);
    return client.call('snapshot.take', { ...vm(), body: { name, memory: name.startsWith('m') } });
  }
  async function createNetwork(): Promise<Task> {
    return client.call('network.create', { body: { name: random.pick(networkNames), cidr: random.pick(ranges), dhcp: true } });
  }
  async function execInVm(): Promise<void> {
    for await (const line of client.stream('vm.exec', { ...vm(), body: { argv: ['true'] } })) void line;
  }
  async function cancelSomeTask(): Promise<void> {
    const task = [...seen.values()].findLast((one) => !hasEnded(one));
    if (task) await client.call('task.cancel', { params: { task: task.id } });
  }

  /** Refused is fine; broken is not. That the daemon is gone is what the test is about. */
  const expectRefusal = (error: unknown): void => {
    if (!(error instanceof NakhodaError) || !(error.code in errorTable) || error.code === 'internal') throw error;
    if (error.code !== 'daemon.unreachable') refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1);
  };

  const follow = async (task: Task, signal: AbortSignal): Promise<void> => {
    seen.set(task.id, task);
    try {
      await client.followTask(task.id, (update) => void ('task' in update && seen.set(task.id, update.task)), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };

  const giveOrders = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        const answer = await random.pick(orders)();
        if (isTask(answer)) await follow(answer, signal);
      } catch (error) {
        expectRefusal(error);
      }
    }
  };

  return {
    seen,
    refusals,
    async run(signal) {
      await Promise.all(Array.from({ length: parallelOrders }, () => giveOrders(signal)));
    },
  };
}

function isTask(answer: unknown): answer is Task {
  return typeof answer === 'object' && answer !== null && 'steps' in answer;
}

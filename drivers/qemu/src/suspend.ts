import type { DriverContext, SuspendFacet } from '@nakhoda/driver';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import type { Environment } from './environment.ts';
import { liveQmp } from './live-disks.ts';
import { beginToSave, endSaving, loadMemory, prepareToSave, saved } from './live-memory.ts';
import { machinePaths } from './machine-paths.ts';
import type { Machine } from './machine.ts';
import { memoryBytes, receiveMemory } from './memory-file.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import { heal } from './snapshot-layers.ts';
import { baseMemoryOf, hardwareDifferences, hardwareOf } from './snapshot-tree.ts';
import type { SuspendRecord } from './suspend-store.ts';

/**
 * Suspend to disk: the guest's state is written as for a migration to another host, and QEMU ends. The record beside it
 * exists exactly as long as the disks are those that the memory is of: it is written when the guest stands still for
 * good, and removed before a guest runs again.
 */
export function createSuspendFacet(environment: Environment, find: (vmid: number) => Promise<Machine>): SuspendFacet {
  return {
    async suspend(ctx, { vmid }) {
      const machine = await find(vmid);
      await machine.turns.run(async () => {
        if (machine.suspended && !machine.alive) return;
        const activity = { state: 'stopping', reason: "The guest's memory is being written to disk." } as const;
        machine.activity = machine.alive ? activity : null;
        try {
          await heal(environment, machine, { merge: false, log: ctx.log });
          await suspend(environment, ctx, machine);
        } finally {
          if (machine.activity === activity) machine.activity = null;
          machine.emit('state');
        }
      });
    },
    async discard(_ctx, { vmid }) {
      const machine = await find(vmid);
      await machine.turns.run(async () => {
        if (!machine.suspended || machine.alive) return;
        await machine.setSuspended(null);
        machine.emit('state');
      });
    },
  };
}

async function suspend(environment: Environment, ctx: DriverContext, machine: Machine): Promise<void> {
  const { spec } = machine;
  const qmp = await liveQmp(machine);
  const status = qmp && (await qmp.execute('query-status', {})).status;
  if (!qmp || (status !== 'running' && status !== 'paused')) {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${spec.name} is ${status ?? 'stopped'}, so there is no memory to write.`,
      hint: 'Start the VM first.',
    });
  }
  const { memorySocket, suspendedMemory } = machinePaths(spec);
  try {
    if (status === 'running') await qmp.execute('stop', {});
    await prepareToSave(qmp, false);
    await using receiver = await receiveMemory(memorySocket, suspendedMemory, (path) => environment.handOver(spec, path));
    const bytes = await beginToSave(qmp, memorySocket).then(() => saved(qmp, receiver, ctx));
    ctx.signal.throwIfAborted();
    const mode = machine.boot?.kind === 'run' ? machine.boot.execution.mode : '';
    const hardware = hardwareOf(spec, machine.record.machineType, mode, machine.baseMemoryMiB);
    await machine.setSuspended({ format: 1, memoryBytes: bytes, hardware, at: new Date().toISOString() });
    ctx.log(`${Math.round(bytes / 1024 / 1024)} MiB of memory were written.`);
  } catch (error) {
    await goOn(environment, machine, qmp, status === 'running');
    throw error;
  }
  // From here on a daemon that comes back ends QEMU as well: see `settleSuspend`.
  await machine.finish('poweroff');
}

/** The guest is as it was before: it runs, or is paused. */
async function goOn(environment: Environment, machine: Machine, qmp: QmpClient, runs: boolean): Promise<void> {
  try {
    await machine.setSuspended(null);
    await endSaving(qmp, { runs: false, timeoutMs: 30_000 });
    // After a stream that was sent to its end QEMU has let go of the disks; they come back only with the processors.
    await qmp.execute('cont', {});
    if (!runs) await qmp.execute('stop', {});
  } catch (error) {
    environment.log(`VM ${machine.spec.name}: the guest could not be let go on: ${toNakhodaError(error).message}`);
  }
}

/**
 * Loads the memory of a suspended VM into the QEMU that waits for it. Its guest does not run yet.
 * @throws NakhodaError `vm.start-failed` when the memory is not whole, or of another machine
 */
export async function loadSuspended(ctx: DriverContext, machine: Machine, record: SuspendRecord, qmp: QmpClient): Promise<void> {
  const { memorySocket, suspendedMemory } = machinePaths(machine.spec);
  await loadMemory(qmp, { filePath: suspendedMemory, socketPath: memorySocket, signal: ctx.signal, progress: ctx.progress });
  ctx.log(`The guest goes on from ${record.at}.`);
}

/** @throws NakhodaError `vm.start-failed` when the memory on disk is not of the machine that would be started */
export async function refuseMisfit(environment: Environment, machine: Machine, record: SuspendRecord): Promise<void> {
  const { spec } = machine;
  const { suspendedMemory } = machinePaths(spec);
  const { mode } = await environment.execution();
  const differences = hardwareDifferences(
    record.hardware,
    hardwareOf(spec, machine.record.machineType, mode, baseMemoryOf(record.hardware, spec)),
  );
  const bytes = await memoryBytes(suspendedMemory);
  if (bytes !== record.memoryBytes) differences.push(`the file ${suspendedMemory} is ${bytes === null ? 'not there' : 'not whole'}`);
  if (differences.length === 0) return;
  throw new NakhodaError('vm.start-failed', {
    message: `VM ${spec.name} cannot go on from its memory on disk: ${differences.join(', ')}.`,
    hint: `Bring the machine back to what it was, or throw the memory away: nakhoda vm discard ${spec.name}`,
  });
}

/**
 * Takes up what an earlier daemon left: a QEMU whose memory is wholly on disk is ended; one that has its memory back, and
 * was about to run, goes on. Inside the machine's turn.
 */
export async function settleSuspend(machine: Machine): Promise<void> {
  if (!machine.alive || machine.boot?.kind !== 'run') return;
  const { boot } = machine;
  if (!boot.begun && boot.loaded) {
    const qmp = await machine.qmp(5_000);
    await machine.setSuspended(null);
    await qmp?.execute('cont', {});
    await machine.setBoot({ ...boot, begun: true });
    machine.emit('state');
  } else if (boot.begun && machine.suspended) await machine.finish('poweroff');
}

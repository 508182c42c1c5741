import { join } from 'node:path';

import type { DriverContext, MachineSpec } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { Environment } from './environment.ts';
import { imageDisks } from './hardware/firmware.ts';
import { addLayer, imageChain, keepAbsent, memoryName } from './layers.ts';
import { loadMemory } from './live-memory.ts';
import { powerOff, startMachine } from './lifecycle.ts';
import { machinePaths } from './machine-paths.ts';
import { type MachineRecord, placesOf, writeMachineRecord } from './machine-record.ts';
import type { Machine } from './machine.ts';
import { memoryBytes } from './memory-file.ts';
import { readLastWords } from './process.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import { failedError, notFoundError } from './snapshot-errors.ts';
import { makeOverlays, reduce } from './snapshot-layers.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';
import { baseMemoryOf, findReady, hardwareDifferences, hardwareOf, type SnapshotEntry, type SnapshotStore } from './snapshot-tree.ts';

/**
 * Lets the VM go on from a snapshot, in new overlays over it. With memory QEMU is started anew and given the guest's
 * state; without, the VM is left stopped. Where it fails, the disks, and what the VM is made of, are as before.
 * @param then what the VM was made of when the snapshot was taken, where it is to be made of that again
 */
export async function rollBack(
  environment: Environment,
  ctx: DriverContext,
  machine: Machine,
  { name, then }: { name: string; then?: MachineSpec | undefined },
): Promise<void> {
  const { record } = machine;
  const former = await readSnapshots(record.spec);
  const entry = findReady(former, name);
  if (!entry) throw notFoundError(record.spec.name);
  const wanted = then ? await recordOf(environment, record, then, entry) : record;
  const { spec } = wanted;
  await refuseMisfit(environment, machine, wanted, former, entry);

  const grown = addLayer(former, entry.layer, entry.disks);
  const { layer } = grown;
  const store = keepAbsent(grown.store, record.spec, spec);
  await writeSnapshots(spec, store);
  try {
    await makeOverlays(environment, wanted, store, layer);
    await powerOff(machine);
    // Memory on disk is of the disks that are left now.
    if (machine.suspended) await machine.setSuspended(null);
    await become(machine, wanted);
    await writeSnapshots(spec, { ...store, active: layer.id, current: name, pendingRollback: entry.memory ? name : null });
    if (entry.memory) {
      await startMachine(environment, ctx, machine, {
        baseMemoryMiB: baseMemoryOf(entry.hardware, spec),
        load: (qmp) => load(ctx, machine, qmp, join(spec.directory, memoryName(entry.number))),
      });
      await writeSnapshots(spec, { ...(await readSnapshots(spec)), pendingRollback: null });
    }
  } catch (error) {
    await become(machine, record);
    // Nothing was written to the new overlays that anybody could miss.
    await writeSnapshots(spec, { ...store, active: former.active, current: former.current, pendingRollback: null });
    await reduce(environment, machine, { merge: false, log: ctx.log });
    throw ctx.signal.aborted ? error : failedError(`Snapshot ${name} could not be restored`, error);
  }
  await reduce(environment, machine, { merge: true, log: ctx.log });
}

/** The record of a VM that is to be what it was at the snapshot. Memory needs the virtual hardware of the very version. */
async function recordOf(
  environment: Environment,
  record: MachineRecord,
  spec: MachineSpec,
  { hardware }: SnapshotEntry,
): Promise<MachineRecord> {
  const pinned = record.spec.machine === spec.machine ? record.machineType : null;
  const machineType = hardware?.['machineType'] ?? pinned ?? (await environment.machineType(spec.machine));
  return { ...record, spec, machineType };
}

async function become(machine: Machine, record: MachineRecord): Promise<void> {
  if (machine.record === record) return;
  await writeMachineRecord(record);
  machine.record = record;
}

async function refuseMisfit(
  environment: Environment,
  machine: Machine,
  wanted: MachineRecord,
  store: SnapshotStore,
  entry: SnapshotEntry,
): Promise<void> {
  const { spec, machineType } = wanted;
  const refuse = (what: string, why: string): never => {
    throw failedError(`Snapshot ${entry.name} ${what}`, new Error(why));
  };
  if (String(entry.disks) !== String(imageDisks(spec).map(({ slot }) => slot)))
    refuse('cannot be restored', `it is of ${String(entry.disks)}, which are not the disks now`);
  const images = entry.disks.flatMap((slot) => imageChain(store, placesOf(wanted), slot, entry.layer));
  for (const { path } of images) if (!(await fileExists(path))) refuse('cannot be restored', `its disk image ${path} is not there`);
  if (!entry.hardware) return;
  const { mode } = machine.alive && machine.boot?.kind === 'run' ? machine.boot.execution : await environment.execution();
  const now = hardwareOf(spec, machineType, mode, baseMemoryOf(entry.hardware, spec));
  const differences = hardwareDifferences(entry.hardware, now);
  if (differences.length > 0) refuse('has memory of another machine', differences.join(', '));
  const path = join(spec.directory, memoryName(entry.number));
  const bytes = await memoryBytes(path);
  if (bytes !== entry.memoryBytes) refuse('cannot be restored', `its memory in ${path} is ${bytes === null ? 'not there' : 'not whole'}`);
}

async function load({ signal, progress }: DriverContext, machine: Machine, qmp: QmpClient, filePath: string): Promise<void> {
  const { spec } = machine;
  try {
    await loadMemory(qmp, { filePath, socketPath: machinePaths(spec).memorySocket, signal, progress });
  } catch (error) {
    if (signal.aborted) throw error;
    // QEMU 7.2 ends when it cannot read a guest's state, and only its log says why.
    const words = await readLastWords(spec);
    if (words === '') throw error;
    throw new NakhodaError('snapshot.failed', {
      message: `QEMU could not read the guest's memory: ${words}`,
      hint: "QEMU's own words above say what it missed.",
      cause: error,
    });
  }
}

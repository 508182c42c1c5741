import type { DriverContext, SnapshotFacet } from '@nakhoda/driver';
import { matchesName, NakhodaError, SnapshotName, toNakhodaError } from '@nakhoda/schema';

import type { Environment } from './environment.ts';
import { powerOff, startMachine } from './lifecycle.ts';
import type { Machine } from './machine.ts';
import { liveQmp, memoryJob, removeFromImages, slotsWith, snapshotDisks } from './snapshot-images.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';
import * as tree from './snapshot-tree.ts';

type TakeOptions = Parameters<SnapshotFacet['take']>[1];

/**
 * Snapshots inside the qcow2 images: of all disks at one instant, with memory in the first one's image. They do not
 * depend on one another, so any can be deleted; the tree is kept in `snapshots.json` beside them.
 */
export function createSnapshotFacet(environment: Environment, find: (vmid: number) => Promise<Machine>): SnapshotFacet {
  const { images } = environment;

  const update = async (machine: Machine, change: (store: tree.SnapshotStore) => tree.SnapshotStore): Promise<void> => {
    await writeSnapshots(machine.spec, change(await readSnapshots(machine.spec)));
  };

  async function take(ctx: DriverContext, machine: Machine, { name, description, memory }: TakeOptions): Promise<void> {
    const { spec } = machine;
    if (!matchesName(SnapshotName, name)) throw nameError();
    if (spec.disks.length === 0) throw needsDiskError(spec.name);
    if (memory && !machine.alive) throw needsRunningError(spec.name);
    if ((await readSnapshots(spec)).entries.some((entry) => entry.name === name)) throw nameTakenError(name);
    const qmp = await liveQmp(machine);
    if ((await slotsWith(environment, machine, qmp, name)).length > 0) throw nameTakenError(name);

    const run = machine.boot?.kind === 'run' ? machine.boot : null;
    const hardware = memory ? tree.hardwareOf(spec, machine.record.machineType, run?.execution.mode ?? '') : null;
    const entry = { name, description, createdAt: new Date().toISOString(), memory, disks: spec.disks.map((disk) => disk.slot), hardware };
    await update(machine, (store) => tree.begin(store, entry));
    try {
      ctx.signal.throwIfAborted();
      if (!qmp) for (const disk of spec.disks) await images.snapshot(disk, '-c', name);
      else if (memory) await memoryJob(qmp, 'snapshot-save', name, spec.disks, ctx.progress);
      else await snapshotDisks(qmp, name, spec.disks);
      ctx.signal.throwIfAborted();
    } catch (error) {
      try {
        await removeFromImages(environment, machine, name);
        await update(machine, (store) => tree.remove(store, name));
      } catch (left) {
        // It stays on record as `taking`, and the next change of the snapshots removes it.
        ctx.log(`What was made of snapshot ${name} could not be removed yet: ${toNakhodaError(left).message}`);
      }
      throw ctx.signal.aborted ? error : failedError(`Snapshot ${name} could not be taken`, error);
    }
    await update(machine, (store) => tree.finish(store, name));
  }

  async function rollback(ctx: DriverContext, machine: Machine, name: string): Promise<void> {
    const { spec } = machine;
    const entry = await findEntry(machine, name);
    if (String(entry.disks) !== String(spec.disks.map((disk) => disk.slot)))
      throw failedError(`Snapshot ${name} cannot be restored`, new Error(`it is of ${String(entry.disks)}, which are not the disks now`));
    if (entry.hardware) {
      const { mode } = machine.alive && machine.boot?.kind === 'run' ? machine.boot.execution : await environment.execution();
      const differences = tree.hardwareDifferences(entry.hardware, tree.hardwareOf(spec, machine.record.machineType, mode));
      if (differences.length > 0) throw failedError(`Snapshot ${name} has memory of another machine`, new Error(differences.join(', ')));
    }
    const live = await liveQmp(machine);
    const slots = await slotsWith(environment, machine, live, name);
    if (slots.length < spec.disks.length)
      throw failedError(`Snapshot ${name} cannot be restored`, new Error(`not all disk images have it (${String(slots) || 'none'} do)`));
    const qmp = entry.memory ? live : null;
    await update(machine, (store) => ({ ...store, pendingRollback: name }));
    try {
      if (!entry.memory) {
        await powerOff(machine);
        for (const disk of spec.disks) await images.snapshot(disk, '-a', name);
      } else if (qmp) {
        await qmp.execute('stop', {});
        await memoryJob(qmp, 'snapshot-load', name, spec.disks, ctx.progress);
        machine.resetGuest();
        await qmp.execute('cont', {});
      } else await startMachine(environment, ctx, machine, (qmp) => memoryJob(qmp, 'snapshot-load', name, spec.disks, ctx.progress));
    } catch (error) {
      // Its memory may be half the old and half the snapshot's.
      if (qmp) await powerOff(machine).catch(() => undefined);
      throw ctx.signal.aborted ? error : failedError(`Snapshot ${name} could not be restored`, error);
    }
    await update(machine, (store) => ({ ...store, pendingRollback: null, current: name }));
  }

  async function remove(machine: Machine, name: string): Promise<void> {
    await findEntry(machine, name);
    await update(machine, (store) => tree.mark(store, name, 'deleting'));
    try {
      await removeFromImages(environment, machine, name);
    } catch (error) {
      throw failedError(`Snapshot ${name} could not be deleted`, error);
    }
    await update(machine, (store) => tree.remove(store, name));
  }

  /** One change of the snapshots, on a VM whose records are in order. */
  async function change(vmid: number, verb: string, work: (machine: Machine) => Promise<void>): Promise<void> {
    const machine = await find(vmid);
    await machine.turns.run(async () => {
      const activity = { state: 'paused', reason: `A snapshot is being ${verb}.` } as const;
      machine.activity = machine.alive ? activity : null;
      try {
        await heal(environment, machine);
        await work(machine);
      } finally {
        if (machine.activity === activity) machine.activity = null;
        machine.emit('snapshots');
        machine.emit('state');
      }
    });
  }

  return {
    take: (ctx, options) => change(options.vmid, 'taken', (machine) => take(ctx, machine, options)),
    rollback: (ctx, { vmid, name }) => change(vmid, 'restored', (machine) => rollback(ctx, machine, name)),
    delete: (_ctx, { vmid, name }) => change(vmid, 'deleted', (machine) => remove(machine, name)),
    async list(_ctx, { vmid }) {
      return tree.toSnapshots(await readSnapshots((await find(vmid)).spec));
    },
  };
}

/** Removes what a crash left in the middle: snapshots that were being taken or deleted, and a rollback of disks. Idempotent. */
export async function heal(environment: Environment, machine: Machine): Promise<void> {
  const { spec } = machine;
  for (;;) {
    const store = await readSnapshots(spec);
    const entry = store.entries.find(({ status }) => status !== 'ready');
    if (entry) {
      await removeFromImages(environment, machine, entry.name);
      await writeSnapshots(spec, tree.remove(store, entry.name));
      continue;
    }
    if (store.pendingRollback === null || machine.alive) return;
    // Some disks may be the snapshot's and some not: all are made the snapshot's.
    const pending = tree.findReady(store, store.pendingRollback);
    if (pending) for (const disk of spec.disks) await environment.images.snapshot(disk, '-a', pending.name);
    await writeSnapshots(spec, { ...store, pendingRollback: null, current: pending ? pending.name : store.current });
  }
}

async function findEntry(machine: Machine, name: string): Promise<tree.SnapshotEntry> {
  const entry = tree.findReady(await readSnapshots(machine.spec), name);
  if (entry) return entry;
  throw new NakhodaError('snapshot.not-found', {
    message: `VM ${machine.spec.name} has no snapshot of that name.`,
    hint: 'List its snapshots to see their names.',
  });
}

function nameError(): NakhodaError {
  return new NakhodaError('request.invalid', {
    message: 'The name is not a valid snapshot name.',
    hint: 'Use 1 to 40 letters, digits, "-" and "_", beginning with a letter.',
  });
}

function nameTakenError(name: string): NakhodaError {
  return new NakhodaError('snapshot.name-taken', {
    message: `There is a snapshot ${name} in the VM's disks already.`,
    hint: 'Take another name, or delete that snapshot first.',
  });
}

function needsDiskError(vm: string): NakhodaError {
  return new NakhodaError('snapshot.needs-disk', {
    message: `VM ${vm} has no disk that a snapshot could be kept on.`,
    hint: 'Give the VM a disk.',
  });
}

function needsRunningError(vm: string): NakhodaError {
  return new NakhodaError('snapshot.needs-running', {
    message: `VM ${vm} does not run, so there is no memory to keep.`,
    hint: 'Start the VM first, or take the snapshot without memory.',
  });
}

function failedError(what: string, error: unknown): NakhodaError {
  const cause = error instanceof NakhodaError || !(error instanceof Error) ? toNakhodaError(error) : error;
  return new NakhodaError('snapshot.failed', {
    message: `${what}: ${cause.message}`,
    hint: "The words above say what was missed. The VM's disks are as they were, or as the snapshot; never in between.",
    cause: error,
  });
}

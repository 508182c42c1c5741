import { join } from 'node:path';

import type { DriverContext, SnapshotFacet } from '@nakhoda/driver';
import { matchesName, SnapshotName, toNakhodaError } from '@nakhoda/schema';

import type { Environment } from './environment.ts';
import { imageDisks } from './hardware/firmware.ts';
import { memoryName } from './layers.ts';
import { changeOver, liveQmp, openOverlays } from './live-disks.ts';
import { beginToSave, goOnOnceProtected, prepareToSave, saved } from './live-memory.ts';
import { machinePaths } from './machine-paths.ts';
import type { Machine } from './machine.ts';
import { receiveMemory } from './memory-file.ts';
import { watchPause } from './pause.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import { failedError, memoryStateError, nameError, nameTakenError, needsDiskError, needsRunningError } from './snapshot-errors.ts';
import { heal, makeOverlays, type NewOverlay } from './snapshot-layers.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';
import { begin, finish, hardwareOf, type NewEntry, type Pause } from './snapshot-tree.ts';

/**
 * Takes a snapshot: from then on the VM writes to new overlays, and what was written before stays as it is. With
 * memory, the guest stands still while the disks change over and QEMU protects its memory, and runs on while the
 * memory is written. Whatever fails, nothing of the snapshot stays.
 */
export async function takeSnapshot(
  environment: Environment,
  ctx: DriverContext,
  machine: Machine,
  { name, description, memory }: Parameters<SnapshotFacet['take']>[1],
): Promise<void> {
  const { spec } = machine;
  if (!matchesName(SnapshotName, name)) throw nameError();
  if (spec.disks.length === 0) throw needsDiskError(spec.name);
  if (memory && !machine.alive) throw needsRunningError(spec.name);
  const store = await readSnapshots(spec);
  if (store.entries.some((entry) => entry.name === name)) throw nameTakenError(name);
  const qmp = await liveQmp(machine);
  const state = qmp ? (await qmp.execute('query-status', {})).status : null;
  if (memory && state !== 'running' && state !== 'paused') throw memoryStateError(spec.name, String(state));

  const run = machine.boot?.kind === 'run' ? machine.boot : null;
  const entry: NewEntry = {
    name,
    description,
    createdAt: new Date().toISOString(),
    memory,
    disks: imageDisks(spec).map(({ slot }) => slot),
    hardware: memory ? hardwareOf(spec, machine.record.machineType, run?.execution.mode ?? '', machine.baseMemoryMiB) : null,
  };
  const { store: begun, layer } = begin(store, entry);
  await writeSnapshots(spec, begun);
  try {
    ctx.signal.throwIfAborted();
    const overlays = await makeOverlays(environment, machine.record, begun, layer);
    // From here on a VM that is started goes on in the new layer, whether or not QEMU has changed over to it: until it
    // has, the overlays are empty and show what is below them.
    await writeSnapshots(spec, { ...begun, active: layer.id, holding: memory && state === 'running' });
    let kept: { bytes: number; pause: Pause | null } | null = null;
    if (qmp) {
      await openOverlays(qmp, spec, overlays);
      if (memory) kept = await keepMemory(environment, ctx, machine, { qmp, overlays, number: layer.id, runs: state === 'running' });
      else await changeTo(qmp, overlays);
    }
    ctx.signal.throwIfAborted();
    await writeSnapshots(spec, { ...finish(await readSnapshots(spec), name, kept), holding: false });
  } catch (error) {
    try {
      // Whoever cancels does not want to wait, and a daemon that is to end should not.
      await heal(environment, machine, { merge: true, log: ctx.log, ...(ctx.signal.aborted ? { patienceMs: 5_000 } : {}) });
    } catch (left) {
      // It stays on record as `taking`, and the next change of the snapshots removes it.
      ctx.log(`What was made of snapshot ${name} could not be removed yet: ${toNakhodaError(left).message}`);
    }
    throw ctx.signal.aborted ? error : failedError(`Snapshot ${name} could not be taken`, error);
  }
}

async function changeTo(qmp: QmpClient, overlays: readonly NewOverlay[]): Promise<void> {
  await changeOver(
    qmp,
    overlays.map(({ slot, image, from }) => ({ slot, from, to: image.layer })),
  );
}

/** Changes the disks over and writes the memory of the same instant. The guest is as it was afterwards: running, or paused. */
async function keepMemory(
  environment: Environment,
  ctx: DriverContext,
  machine: Machine,
  { qmp, overlays, number, runs }: { qmp: QmpClient; overlays: readonly NewOverlay[]; number: number; runs: boolean },
): Promise<{ bytes: number; pause: Pause | null }> {
  const { spec } = machine;
  const { memorySocket } = machinePaths(spec);
  // QEMU would let a paused guest run.
  const { background, words } = await prepareToSave(qmp, runs);
  await using receiver = await receiveMemory(memorySocket, join(spec.directory, memoryName(number)), (path) =>
    environment.handOver(spec, path),
  );
  using pause = watchPause(qmp);
  // Nobody needs to be told of a moment.
  machine.quiet = background;
  try {
    if (runs) await pause.part('stop the processors', () => qmp.execute('stop', {}));
    await pause.part('change the disks over', () => changeTo(qmp, overlays));
    const begun = beginToSave(qmp, memorySocket);
    const saving = begun.then(() => saved(qmp, receiver, ctx));
    if (background) {
      await pause.part('save the devices and protect the memory', () => Promise.race([begun.then(() => goOnOnceProtected(qmp)), saving]));
    } else await pause.part('write the memory', () => saving);
    machine.quiet = false;
    const bytes = await saving;
    // QEMU has let go of the disks as for another host; they come back only with the processors.
    if (!background) await qmp.execute('cont', {});
    if (!runs) await qmp.execute('stop', {});
    const reason = words === null ? undefined : `This host cannot write a guest's memory while it runs. ${words}`;
    const taken = runs ? await pause.result(reason) : null;
    ctx.log(describe(bytes, taken));
    return { bytes, pause: taken };
  } finally {
    machine.quiet = false;
  }
}

function describe(bytes: number, pause: Pause | null): string {
  const size = `${Math.round(bytes / 1024 / 1024)} MiB of memory were written`;
  if (!pause) return `${size}; the guest was paused.`;
  const parts = pause.parts.map(({ what, ms }) => `${what}: ${ms.toFixed(1)} ms`).join(', ');
  const how = pause.reason === undefined ? 'while it ran' : 'meanwhile';
  return [`The guest stood still for ${pause.ms.toFixed(1)} ms (${parts}); ${size} ${how}.`, pause.reason].filter(Boolean).join(' ');
}

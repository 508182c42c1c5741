import { join } from 'node:path';

import { toNakhodaError } from '@nakhoda/schema';

import type { ChainImage } from './block-nodes.ts';
import type { Environment } from './environment.ts';
import { removeFile, temporaryImage } from './images.ts';
import {
  absorbLayer,
  alignLayers,
  dropLayer,
  imageChain,
  imagesOver,
  type Layer,
  mergedImage,
  nextReduction,
  overlayName,
} from './layers.ts';
import { cancelMerges, closeUnused, liveLayers, liveQmp, mergeLive } from './live-disks.ts';
import { endSaving } from './live-memory.ts';
import { type MachineRecord, placesOf } from './machine-record.ts';
import type { Machine } from './machine.ts';
import type { RunState } from './qmp/commands.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';
import { removeUnfinished, type SnapshotStore } from './snapshot-tree.ts';

/** An overlay that was made, and the layer whose image of the disk it lies over. */
export interface NewOverlay {
  slot: string;
  image: ChainImage;
  from: number;
}

interface HealOptions extends ReduceOptions {
  /** Milliseconds that memory which is still being written for nobody is waited for. Default an hour. */
  patienceMs?: number;
}

interface ReduceOptions {
  /** False to leave what takes long, the merges, for another time. */
  merge: boolean;
  log(line: string): void;
  progress?(fraction: number): void;
}

/** Makes the empty images of a new layer. */
export async function makeOverlays(
  environment: Environment,
  record: MachineRecord,
  store: SnapshotStore,
  layer: Layer,
): Promise<NewOverlay[]> {
  const { spec } = record;
  const places = placesOf(record);
  const made: NewOverlay[] = [];
  for (const slot of layer.slots) {
    const [below] = imageChain(store, places, slot, layer.parent);
    if (!below) continue;
    const path = join(spec.directory, overlayName(slot, layer.id));
    await environment.images.createOverlay(path, below);
    await environment.handOver(spec, path);
    made.push({ slot, image: { layer: layer.id, path, format: 'qcow2' }, from: below.layer });
  }
  return made;
}

/**
 * Gives up what an earlier daemon, or a call that failed, left under way in a running QEMU, takes up into the record
 * what was done, and lets a guest go on that was to stand still for a moment only. Idempotent.
 */
export async function settle(machine: Machine): Promise<void> {
  const { spec } = machine;
  const recorded = await readSnapshots(spec);
  if (recorded.layers.length === 0) return;
  const qmp = await liveQmp(machine);
  if (!qmp) return;
  await cancelMerges(qmp);
  const taking = recorded.entries.some(({ status }) => status === 'taking');
  if (taking) await endSaving(qmp, { runs: true, timeoutMs: 30_000 });
  const store = alignLayers(recorded, await liveLayers(qmp, spec));
  // Before the guest goes on: from then on the images that QEMU uses are the only truth.
  if (store !== recorded) await writeSnapshots(spec, store);
  const { status } = await qmp.execute('query-status', {});
  if (store.holding) {
    if (stillStates.has(status)) await qmp.execute('cont', {});
    await writeSnapshots(spec, { ...store, holding: false });
  } else if (status === 'postmigrate') {
    // A paused guest whose memory was written to the end for nobody: QEMU has let go of its disks.
    await qmp.execute('cont', {});
    await qmp.execute('stop', {});
  }
}

/** With `io-error` the memory may have taken the room that the guest's disks needed; its requests are made again. */
const stillStates: ReadonlySet<RunState> = new Set(['paused', 'postmigrate', 'finish-migrate', 'io-error']);

/** Removes what a crash left in the middle, and gives back what nothing needs any more. Idempotent. */
export async function heal(environment: Environment, machine: Machine, options: HealOptions): Promise<void> {
  await settle(machine);
  const store = await readSnapshots(machine.spec);
  const unfinished = store.entries.some(({ status }) => status !== 'ready');
  const qmp = unfinished ? await liveQmp(machine) : null;
  if (qmp) await endSaving(qmp, { runs: false, timeoutMs: options.patienceMs ?? 60 * 60_000 });
  // The disks have been the snapshot's from the moment on in which a rollback was put down.
  if (unfinished || store.pendingRollback !== null)
    await writeSnapshots(machine.spec, { ...removeUnfinished(store), pendingRollback: null });
  await reduce(environment, machine, options);
}

/**
 * Drops and merges layers that no snapshot needs any more. A merge that fails changes nothing that can be seen: the
 * overlay stays, and the next change of the snapshots tries again.
 */
export async function reduce(environment: Environment, machine: Machine, options: ReduceOptions): Promise<void> {
  const { spec, places } = machine;
  for (;;) {
    const store = await readSnapshots(spec);
    const step = nextReduction(store, { places, isHeld: environment.isHeld });
    if (!step || (step.kind === 'merge' && !options.merge)) break;
    if (step.kind === 'drop') {
      await writeSnapshots(spec, dropLayer(store, step.layer));
      continue;
    }
    try {
      for (const slot of store.layers.find(({ id }) => id === step.upper)?.slots ?? [])
        await mergeImage(environment, machine, slot, step.upper, options.progress);
      await writeSnapshots(spec, absorbLayer(await readSnapshots(spec), step.upper));
    } catch (error) {
      await settle(machine);
      options.log(`Disk images that no snapshot needs any more could not be merged yet: ${toNakhodaError(error).message}`);
      break;
    }
  }
  await emptyTrash(machine);
}

/** Merges the disk's image of a layer into the one below it: over QMP where QEMU has it in use, otherwise with qemu-img. */
async function mergeImage(
  environment: Environment,
  machine: Machine,
  slot: string,
  upper: number,
  progress: ((fraction: number) => void) | undefined,
): Promise<void> {
  const { spec, places } = machine;
  const store = await readSnapshots(spec);
  const chain = imageChain(store, places, slot, upper);
  const [, lower] = chain;
  if (!lower) return;
  const qmp = await liveQmp(machine);
  const live = (qmp && (await liveLayers(qmp, spec))[slot]) ?? [];
  const [top] = live;
  const put = async (): Promise<void> => {
    // Nobody relies on the headers of overlays that are not in use, but whoever looks at them shall not be misled.
    for (const { layer, path } of imagesOver(store, places, slot, upper))
      if (!live.includes(layer)) await environment.images.rebase(path, lower);
    await writeSnapshots(spec, mergedImage(await readSnapshots(spec), upper, slot));
  };
  // It may have been taken from QEMU for a linked clone that is no more.
  await environment.handOver(spec, lower.path);
  if (!qmp || top === undefined || !live.includes(upper)) {
    await environment.images.merge(chain);
    await put();
    return;
  }
  let holding = false;
  // As long as the guest stands still, the upper image over the lower and the lower alone are the same disk. So the
  // guest goes on only when it is on record which of them it writes to.
  const onReady = async (complete: () => Promise<void>): Promise<void> => {
    holding = (await qmp.execute('query-status', {})).status === 'running';
    if (holding) {
      await writeSnapshots(spec, { ...(await readSnapshots(spec)), holding });
      await qmp.execute('stop', {});
    }
    await complete();
  };
  await mergeLive(qmp, { slot, top, upper, lower: lower.layer }, { ...(progress ? { progress } : {}), onReady });
  await put();
  if (holding) {
    await qmp.execute('cont', {});
    await writeSnapshots(spec, { ...(await readSnapshots(spec)), holding: false });
  }
}

/** Deletes files that nothing needs any more. */
async function emptyTrash(machine: Machine): Promise<void> {
  const { spec } = machine;
  const { trash } = await readSnapshots(spec);
  if (trash.length === 0) return;
  const qmp = await liveQmp(machine);
  if (qmp) await closeUnused(qmp, spec);
  for (const path of trash.map((name) => join(spec.directory, name))) {
    await removeFile(temporaryImage(path));
    await removeFile(path);
  }
  await writeSnapshots(spec, { ...(await readSnapshots(spec)), trash: [] });
}

import { mkdir } from 'node:fs/promises';

import type { CloneOptions, Driver, DriverContext, MachineSpec } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { type CloneImage, type ClonePlan, cloneRecord, planClone } from './clone-plan.ts';
import { copyTpmState } from './clone-tpm.ts';
import { removeDefinition } from './definition.ts';
import type { Environment } from './environment.ts';
import { imageDisks } from './hardware/firmware.ts';
import { smallerError } from './images.ts';
import { addLayer } from './layers.ts';
import { changeOver, liveQmp, openOverlays } from './live-disks.ts';
import type { Machine } from './machine.ts';
import { type MachineRecord, writeMachineRecord } from './machine-record.ts';
import { heal, makeOverlays } from './snapshot-layers.ts';
import { readSnapshots, writeSnapshots } from './snapshot-store.ts';

/** The driver's list of machines, as far as a clone changes it. */
export interface CloneTools {
  /** @throws NakhodaError `vm.not-found` */
  find(vmid: number): Promise<Machine>;
  checkSpec(spec: MachineSpec): Promise<void>;
  known(vmid: number): Machine | undefined;
  add(record: MachineRecord): Machine;
  /** As `undefine`. */
  remove(ctx: DriverContext, vmid: number): Promise<void>;
}

/**
 * Makes the images of a new machine from another's. Its record comes first, and says which images of the source it
 * needs: as long as it does, no image of them is changed, merged away or deleted. So the source is held up only while it
 * is looked at, and while a running one changes over to new overlays on all its disks at one instant; what those then
 * lie on is copied at leisure, and afterwards they are merged back as those of a deleted snapshot are.
 */
export function createClone(environment: Environment, tools: CloneTools): NonNullable<Driver['clone']> {
  return async (ctx, options) => {
    const { spec } = options;
    const source = await tools.find(options.source);
    await tools.checkSpec(spec);
    const former = tools.known(spec.vmid);
    if (former && !former.record.clone) throw takenError(spec);
    if (former) await tools.remove(ctx, spec.vmid);
    try {
      const { target, plan } = await source.turns.run(() => begin(environment, ctx, tools, source, options));
      await target.turns.run(() => makeImages(environment, ctx, target, source, plan));
    } catch (error) {
      // What cannot be removed now is on record as unfinished: it holds what it was made of, and does not start.
      if (tools.known(spec.vmid)?.record.clone)
        await tools
          .remove(ctx, spec.vmid)
          .catch((left: unknown) => ctx.log(`${spec.name} could not be removed: ${toNakhodaError(left).message}`));
      throw error;
    }
    await release(environment, ctx, source);
  };
}

/** Lets the source of a clone have its images back: overlays that were put on for it are merged. Never fails: the next change of its snapshots tries again. */
export async function release(environment: Environment, ctx: Pick<DriverContext, 'log'>, source: Machine): Promise<void> {
  await source.turns
    .run(() => heal(environment, source, { merge: true, log: ctx.log }))
    .catch((error: unknown) =>
      ctx.log(`The disks of VM ${source.spec.name} could not be put in order yet: ${toNakhodaError(error).message}`),
    );
}

/** Looks at everything, puts the clone on record, and freezes what it is to be made of. In the source's turn. */
async function begin(
  environment: Environment,
  ctx: DriverContext,
  tools: CloneTools,
  source: Machine,
  options: CloneOptions,
): Promise<{ target: Machine; plan: ClonePlan }> {
  const { spec } = options;
  const look = async (): Promise<ClonePlan> =>
    planClone(
      { record: source.record, store: await readSnapshots(source.spec), status: await source.status(), alive: source.alive },
      options,
    );
  await look();
  // What a crash has left in the middle may be of the very layers that are asked for.
  await heal(environment, source, { merge: false, log: ctx.log });
  const plan = await look();
  for (const { disk, chain } of plan.images) {
    const size = await environment.images.measure(chain, ctx.signal);
    if (size > Math.ceil(disk.sizeBytes / 512) * 512) throw smallerError(disk, size);
    if (await fileExists(disk.path)) throw occupiedError(disk.path);
  }
  const kept = source.spec.machine === spec.machine ? source.record.machineType : null;
  const machineType = kept ?? (await environment.machineType(spec.machine));
  ctx.signal.throwIfAborted();

  const record = cloneRecord(plan, { source: options.source, spec, machineType });
  try {
    for (const folder of [spec.directory, spec.runtimeDirectory]) await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeMachineRecord(record);
  } catch (error) {
    await removeDefinition(environment, ctx, record);
    throw error;
  }
  const target = tools.add(record);
  if (options.linked) for (const path of new Set(plan.images.flatMap(readOnlyPaths))) await environment.confinement.share(path);
  if (plan.freeze) await freeze(environment, ctx, source);
  return { target, plan };
}

function readOnlyPaths({ kind, chain }: CloneImage): string[] {
  return kind === 'overlay' ? chain.map(({ path }) => path) : [];
}

/**
 * Lets a VM that has a QEMU go on in new overlays on all its disks, from one instant on. They belong to no snapshot, so
 * that whoever comes after a crash merges them back.
 */
async function freeze(environment: Environment, ctx: DriverContext, source: Machine): Promise<void> {
  const { spec } = source;
  const slots = imageDisks(spec).map(({ slot }) => slot);
  const qmp = await liveQmp(source);
  if (slots.length === 0 || !qmp) return;
  const store = await readSnapshots(spec);
  const { store: begun, layer } = addLayer(store, store.active, slots);
  await writeSnapshots(spec, begun);
  const overlays = await makeOverlays(environment, source.record, begun, layer);
  ctx.signal.throwIfAborted();
  // From here on a VM that is started goes on in the new layer: until QEMU has changed over, it shows what is below it.
  await writeSnapshots(spec, { ...begun, active: layer.id });
  await openOverlays(qmp, spec, overlays);
  const changes = overlays.map(({ slot, image, from }) => ({ slot, from, to: image.layer }));
  await changeOver(qmp, changes);
}

async function makeImages(
  environment: Environment,
  ctx: DriverContext,
  target: Machine,
  source: Machine,
  { images, tpm }: ClonePlan,
): Promise<void> {
  const { spec } = target;
  const total = images.reduce((sum, { disk }) => sum + disk.sizeBytes, 0);
  let done = 0;
  for (const { disk, chain, kind } of images) {
    ctx.signal.throwIfAborted();
    const progress = (fraction: number): void => ctx.progress((done + fraction * disk.sizeBytes) / total);
    if (kind === 'overlay') await makeOverlay(environment, ctx, disk, chain);
    else await environment.images.copyChain(chain, disk, { signal: ctx.signal, progress });
    await environment.handOver(spec, disk.path);
    done += disk.sizeBytes;
    progress(0);
  }
  if (tpm) await copyTpmState(source.spec, spec);
  ctx.signal.throwIfAborted();
  const record: MachineRecord = { ...target.record, clone: { source: source.spec.vmid, reading: null } };
  await writeMachineRecord(record);
  target.record = record;
  target.emit('state');
}

async function makeOverlay(
  { images }: Environment,
  ctx: DriverContext,
  disk: CloneImage['disk'],
  chain: CloneImage['chain'],
): Promise<void> {
  const [below] = chain;
  if (!below) return;
  const size = await images.measure([below], ctx.signal);
  try {
    await images.createOverlay(disk.path, below, Math.max(size, disk.sizeBytes));
  } catch (error) {
    throw new NakhodaError('storage.failed', {
      message: `The disk ${disk.slot} could not be made: ${toNakhodaError(error).message}`,
      hint: 'Check the folder, its permissions and the free space.',
      cause: error,
    });
  }
}

function takenError({ vmid, name }: MachineSpec): NakhodaError {
  return new NakhodaError('vm.vmid-taken', {
    message: `There is a VM ${vmid} already, so it cannot be made as the clone ${name}.`,
    hint: 'Take another vmid, or remove the other VM first.',
  });
}

function occupiedError(path: string): NakhodaError {
  return new NakhodaError('storage.volume-refused', {
    message: `${path} is there already, and nobody knows what it is of.`,
    hint: 'Take the file away, or clone to another place.',
  });
}

import type { DriverContext, MachineSpec, SnapshotFacet } from '@nakhoda/driver';
import { isAlive, waitFor } from '@nakhoda/host';
import { matchesName, NakhodaError, SnapshotName, toNakhodaError } from '@nakhoda/schema';
import type { Snapshot } from '@nakhoda/schema';

import { capabilitiesOf } from './capabilities.ts';
import { clearRun } from './clear-run.ts';
import { applySettings, needGoodSpec, recordSpec } from './define.ts';
import { saveTreesOf } from './linked-tree.ts';
import type { ObservedMachine, ObservedSnapshot } from './machine-file.ts';
import type { KnownMachine } from './machines.ts';
import { foreignGrowth } from './media-tree.ts';
import { forgetOrphans } from './orphan-media.ts';
import type { Parts } from './parts.ts';
import { orphanedMs, ServiceWatch } from './service-process.ts';
import { disksOnlyKey, hasMemory, isHiddenSnapshot, listSnapshots, safeDescription } from './snapshot-plan.ts';
import { withSlots } from './snapshot-disks.ts';
import { start } from './start.ts';
import { powerOff } from './stop.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/** Writing memory and merging disks take as long as the host's disk needs. Milliseconds. */
export const snapshotTimeoutMs = 600_000;

/** See `SnapshotFacet`. */
export function createSnapshots(parts: Parts): SnapshotFacet {
  const oneAtATime = async (vmid: number, work: () => Promise<void>): Promise<void> => {
    await parts.settled;
    await parts.operations.run([vmLane(vmid)], async () => {
      await forgetOrphans(parts, await parts.machines.need(vmid));
      try {
        await work();
      } finally {
        // Also what failed may have changed something.
        const machine = await parts.machines.find(vmid);
        if (machine)
          await saveTreesOf(parts, machine).catch((error: unknown) => parts.log(`saving the images of VM ${vmid}: ${String(error)}`));
      }
    });
    parts.changed(vmid);
  };
  return {
    take: (ctx, options) => oneAtATime(options.vmid, () => take(parts, ctx, options)),
    async list(_ctx, { vmid }): Promise<Snapshot[]> {
      await parts.settled;
      const machine = await parts.machines.need(vmid);
      return withSlots(parts, machine, listSnapshots(observed(machine)));
    },
    rollback: (ctx, options) => oneAtATime(options.vmid, () => rollback(parts, ctx, options)),
    delete: (ctx, options) => oneAtATime(options.vmid, () => remove(parts, ctx, options)),
  };
}

function observed(machine: KnownMachine): ObservedMachine {
  if (machine.observed) return machine.observed;
  throw new NakhodaError('snapshot.failed', {
    message: `VirtualBox cannot read the settings of VM ${machine.vmid} in ${machine.folder}.`,
    hint: 'Restore the .vbox file there; the one beside it that ends in -prev is the last but one.',
  });
}

/** @throws NakhodaError `snapshot.not-found` */
export function needSnapshot(machine: KnownMachine, name: string): ObservedSnapshot {
  const snapshot = observed(machine).snapshots.find((candidate) => candidate.name === name && !isHiddenSnapshot(name));
  if (snapshot) return snapshot;
  throw new NakhodaError('snapshot.not-found', {
    message: `VM ${machine.vmid} has no snapshot named ${name}.`,
    hint: 'List its snapshots.',
  });
}

type TakeOptions = Parameters<SnapshotFacet['take']>[1];

async function take(parts: Parts, ctx: DriverContext, options: TakeOptions): Promise<void> {
  const machine = await parts.machines.need(options.vmid);
  if (!matchesName(SnapshotName, options.name)) {
    throw new NakhodaError('request.invalid', {
      message: 'That is no name for a snapshot.',
      hint: 'Give letters, digits, "-" and "_", beginning with a letter, 40 at most.',
    });
  }
  const before = observed(machine).snapshots;
  if (before.some((snapshot) => snapshot.name === options.name)) {
    throw new NakhodaError('snapshot.name-taken', {
      message: `VM ${options.vmid} has a snapshot named ${options.name} already.`,
      hint: 'Choose another name, or delete that one.',
    });
  }
  const { status } = await parts.machines.view(machine);
  const runs = status.state === 'running' || status.state === 'paused';
  if (options.memory && !runs) {
    throw new NakhodaError('snapshot.needs-running', {
      message: `VM ${options.vmid} is ${status.state}: there is no memory to keep.`,
      hint: 'Start the VM first, or take the snapshot without memory.',
    });
  }
  const description = `--description=${safeDescription(options.description)}`;
  const service = serviceOf(parts);
  await service.goneForMs();
  try {
    await manage(parts, ctx, machine, [
      'snapshot',
      machine.uuid,
      'take',
      options.name,
      description,
      ...(status.state === 'running' ? ['--live'] : []),
    ]);
    if (runs && !options.memory) await markDisksOnly(parts, ctx, machine.vmid, options.name);
  } catch (error) {
    await dropHalfTaken(parts, machine, options.name, service).catch((second: unknown) =>
      parts.log(`dropping a half-taken snapshot: ${String(second)}`),
    );
    throw asSnapshotError(error);
  }
}

async function markDisksOnly(parts: Parts, ctx: DriverContext, vmid: number, name: string): Promise<void> {
  const machine = await parts.machines.need(vmid);
  await manage(parts, ctx, machine, ['setextradata', machine.uuid, disksOnlyKey + needSnapshot(machine, name).uuid, '1']);
}

/**
 * Takes a snapshot that is never shown, so that the VM's disks stay as they are in this instant; {@link dropHalfTaken}
 * removes it, also when this fails.
 * @returns its UUID
 */
export async function takeHidden(parts: Parts, ctx: DriverContext, machine: KnownMachine, name: string): Promise<string> {
  const { status } = await parts.machines.view(machine);
  const live = status.state === 'running' ? ['--live'] : [];
  try {
    await manage(parts, ctx, machine, ['snapshot', machine.uuid, 'take', name, ...live]);
  } catch (error) {
    throw asSnapshotError(error);
  }
  const taken = observed(await parts.machines.need(machine.vmid)).snapshots.find((snapshot) => snapshot.name === name);
  if (taken) return taken.uuid;
  throw new NakhodaError('snapshot.failed', {
    message: `VirtualBox took a snapshot of VM ${machine.vmid} for a clone, and does not list it.`,
    hint: 'Try again.',
  });
}

function serviceOf({ env }: Parts): ServiceWatch {
  return new ServiceWatch(env['VBOX_USER_HOME'] ?? '');
}

/**
 * VirtualBox goes on with a snapshot after the program that asked for it was ended, so it is waited for, and removed.
 * Without its service, or the VM's process, nothing goes on.
 */
export async function dropHalfTaken(
  parts: Parts,
  machine: KnownMachine,
  name: string,
  service: ServiceWatch = serviceOf(parts),
): Promise<void> {
  const isOver = async (): Promise<boolean> => {
    if (!/Snapshotting/.test((await parts.machines.log(machine)).state ?? '')) return true;
    const { status } = await parts.machines.view(machine);
    return status.pid === undefined || (await service.goneForMs()) > orphanedMs;
  };
  await waitFor(isOver, { timeoutMs: 60_000, pollMs: 100 });
  const now = await parts.machines.need(machine.vmid);
  const half = now.observed?.snapshots.find((snapshot) => snapshot.name === name);
  if (half) await manage(parts, null, now, ['snapshot', now.uuid, 'delete', half.uuid]);
  await forgetOrphans(parts, await parts.machines.need(machine.vmid));
}

type PointOptions = Parameters<SnapshotFacet['rollback']>[1];

/**
 * VirtualBox brings the settings of the snapshot's day back with it. With `spec`, which are the same, the driver's
 * record follows; where no memory is in the way, what is not so is made so.
 */
async function rollback(parts: Parts, ctx: DriverContext, { vmid, name, spec }: PointOptions): Promise<void> {
  if (spec) needGoodSpec(spec, capabilitiesOf(parts.hostFacts()));
  const machine = await parts.machines.need(vmid);
  const snapshot = needSnapshot(machine, name);
  const memory = hasMemory(observed(machine), snapshot);
  const { run } = await parts.machines.view(machine);
  const process = run !== null && 'run' in run ? run.run.process : null;
  if (process !== null && isAlive(process)) await powerOff(parts, ctx, machine, process);
  await clearRun(parts, machine, run);
  const images = imagesOf(observed(await parts.machines.need(vmid)));
  try {
    await manage(parts, ctx, machine, ['snapshot', machine.uuid, 'restore', snapshot.uuid]);
  } catch (error) {
    // A service that ends just after it has written the machine down tells nobody: then it goes on.
    if (imagesOf(observed(await parts.machines.need(vmid))) === images) throw asSnapshotError(error);
    parts.log(`VM ${vmid} is back at ${name}, though VirtualBox says: ${toNakhodaError(error).message}`);
  }
  try {
    if (spec) await recordSpec(spec);
    if (snapshot.memory && !memory) await manage(parts, ctx, machine, ['discardstate', machine.uuid]);
    if (spec && !memory) await applySettings(parts, ctx.signal, { before: spec, spec }, []);
    if (memory) await start(parts, ctx, vmid);
  } catch (error) {
    throw asRestored(asSnapshotError(error));
  }
}

/** The images in the machine's drives: others after each restore. */
function imagesOf({ attachments }: ObservedMachine): string {
  return attachments.map(({ mediumUuid }) => mediumUuid).join(' ');
}

/** The disks, and the settings, are the snapshot's, and only what comes after that went wrong. */
function asRestored(error: unknown): unknown {
  if (!(error instanceof NakhodaError)) return error;
  const { code, message, hint, details } = error;
  return new NakhodaError(code, { message, hint, details: { ...details, restored: true }, cause: error });
}

async function remove(parts: Parts, ctx: DriverContext, { vmid, name }: PointOptions): Promise<void> {
  const machine = await parts.machines.need(vmid);
  const snapshot = needSnapshot(machine, name);
  const { snapshots, extraData } = observed(machine);
  const children = snapshots.filter((candidate) => candidate.parentUuid === snapshot.uuid);
  const growing = children.map(({ name: child }) => (isHiddenSnapshot(child) ? 'a linked clone' : child));
  if (snapshot.uuid === observed(machine).currentSnapshotUuid) growing.push("the VM's present state");
  // VirtualBox merges a snapshot into what grows from it, so that may be one thing only.
  if (growing.length > 1) {
    throw new NakhodaError('snapshot.has-children', {
      message: `${growing.join(' and ')} grow from ${name}, and VirtualBox can merge a snapshot into one of them only.`,
      hint: 'Delete its other children first, or roll back to one of them.',
    });
  }
  await refuseGrown(parts, machine, snapshot);
  try {
    await manage(parts, ctx, machine, ['snapshot', machine.uuid, 'delete', snapshot.uuid]).catch(async (error: unknown) => {
      // Likewise: it is written down last that the snapshot is gone.
      if (observed(await parts.machines.need(vmid)).snapshots.some(({ uuid }) => uuid === snapshot.uuid)) throw error;
    });
    const key = disksOnlyKey + snapshot.uuid;
    if (extraData[key] !== undefined) await manage(parts, ctx, machine, ['setextradata', machine.uuid, key]);
  } catch (error) {
    throw asSnapshotError(error);
  }
}

/** @throws NakhodaError `snapshot.has-children` when other VMs' images grow from the snapshot's, which VirtualBox would rewrite */
async function refuseGrown(parts: Parts, machine: KnownMachine, { uuid, name }: ObservedSnapshot): Promise<void> {
  const paths = machine.spec.disks.map(({ path }) => path);
  const media = await parts.machines.mediaAround(machine.vmid, paths);
  const state = (await parts.machines.mediaOf(machine)).states.find((candidate) => candidate.snapshot === uuid);
  const foreign = foreignGrowth(media, state?.disks ?? [], machine.spec.directory);
  if (foreign === undefined) return;
  throw new NakhodaError('snapshot.has-children', {
    message: `${foreign.path}, of a linked clone, grows from ${name}.`,
    hint: 'Delete the clone first.',
  });
}

async function manage(parts: Parts, ctx: DriverContext | null, machine: Pick<MachineSpec, 'vmid'>, args: string[]): Promise<void> {
  const lanes = [vmLane(machine.vmid), mediaLane];
  await parts.vbox.run(args, { lanes, timeoutMs: snapshotTimeoutMs, ...(ctx ? { signal: ctx.signal } : {}) });
}

function asSnapshotError(error: unknown): unknown {
  if (!(error instanceof NakhodaError) || error.code !== 'hypervisor.failed') return error;
  return new NakhodaError('snapshot.failed', {
    message: error.message,
    hint: error.hint,
    ...(error.details ? { details: error.details } : {}),
    cause: error,
  });
}

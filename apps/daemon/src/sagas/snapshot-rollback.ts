import type { DriverContext } from '@nakhoda/driver';
import { NakhodaError, type PendingChange, type RollbackResult, type Snapshot } from '@nakhoda/schema';
import type { Step, TaskKind } from '@nakhoda/tasks';

import { writeCloudInitFile } from '../services/cloud-init-file.ts';
import type { Services } from '../services/context.ts';
import { touchesMachine } from '../services/pending-changes.ts';
import { planRollbackTo } from '../services/rollbacks.ts';
import { planOf } from '../services/vm-change.ts';
import { imageFile, runningPlan, toMachineSpec, type VmPlan, type VmRecord } from '../services/vm-record.ts';
import { deleteDiscarded } from './delete-discarded.ts';
import { samePlan } from './same-plan.ts';
import { requireSnapshots, type SnapshotInput } from './snapshot.ts';
import { isAlive, movedTunnels } from './vm-set.ts';
import { requireRecord, requireState } from './vm-steps.ts';

interface RollbackState {
  /** The VM's record before anything was done. */
  before?: VmRecord;
  /** What it is to be made of; absent where nothing was kept with the snapshot, and it stays as it is. */
  after?: VmPlan;
  changes?: PendingChange[];
  unused?: string[];
  /** The driver was asked. */
  tried?: boolean;
  /** The VM's disks are the snapshot's: there is no way back. */
  restored?: boolean;
}

type RollbackStep = Step<SnapshotInput, RollbackState>;

/**
 * Brings a VM back, and its record with it. What was after the snapshot is gone, so nothing can be undone once the
 * driver has begun: after a crash it goes on. Where the driver fails, the record is what it was.
 */
export function snapshotRollbackSaga(services: Services): TaskKind<SnapshotInput, RollbackState, RollbackResult> {
  return {
    kind: 'snapshot.rollback',
    title: ({ name, snapshot }) => `Roll ${name} back to ${snapshot}`,
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid }) => [`vm/${vmid}`],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: (input) => [
      planStep(services, input),
      writeStep(services, input),
      connectStep(services, input),
      rollbackStep(services, input),
      settleStep(services, input),
      { name: 'delete the images of removed disks', cancellable: false, do: (ctx) => deleteDiscarded(services, ctx, input.vmid) },
    ],
    result: ({ changes = [], unused = [] }) => ({ changes, unused }),
  };
}

function planStep(services: Services, { vmid, snapshot }: SnapshotInput): RollbackStep {
  return {
    name: 'look what goes back with it',
    do: async (ctx) => {
      const record = requireRecord(services, vmid);
      requireState(services, record, 'snapshot-rollback');
      const found = await findSnapshot(services, ctx, vmid, snapshot);
      const planned = await planRollbackTo(services, record, found);
      Object.assign(ctx.state, { before: record });
      if (!planned) {
        ctx.log(`What the VM was made of was not kept with ${snapshot}, so its hardware stays as it is.`);
        return;
      }
      const { plan, changes, unused, notes } = planned;
      Object.assign(ctx.state, { after: plan, changes, unused });
      for (const { field, running, wanted } of changes) ctx.log(`${field} goes back: ${text(running)} → ${text(wanted)}`);
      for (const note of notes) ctx.log(note);
    },
  };
}

function writeStep(services: Services, { vmid }: SnapshotInput): RollbackStep {
  const { inventory, networks } = services;
  return {
    name: 'write down what is wanted',
    do: async ({ state: { before, after } }) => {
      if (!before || !after || samePlan(before, after)) return;
      const nics = after.spec.nics.map(({ network }) => network);
      networks.requireUsable(nics);
      await inventory.replace(betweenRecord(before, after));
      // Again: a task that began to delete one meanwhile may not have seen this VM.
      networks.requireUsable(nics);
    },
    undo: async ({ state: { before, after, tried, restored } }) => {
      const present = inventory.byVmid(vmid);
      if (!before || !after || restored || !present || !samePlan(present, after)) return;
      // Where an earlier daemon had got further than this one, the next start brings the machine in line.
      const isUncertain = tried === true && !isAlive(services, vmid);
      await inventory.replace(isUncertain ? { ...before, active: before.active ?? after } : before);
    },
  };
}

/** The host's side of the NICs of that day comes before the driver is asked to start the VM with them. */
function connectStep(services: Services, { vmid }: SnapshotInput): RollbackStep {
  const { networks, inventory } = services;
  return {
    name: 'connect its NICs to their networks',
    do: async (ctx) => {
      const { before, after } = ctx.state;
      const former = before && runningPlan(before);
      if (former && after) await networks.detachNics(ctx, former, movedTunnels(former, after));
      await networks.attach(ctx, after ?? runningPlan(inventory.byVmid(vmid) ?? former!));
    },
    undo: async (ctx) => {
      const { before, after, restored } = ctx.state;
      // The machine is that of the snapshot, whatever failed afterwards.
      if (restored) return settleNics(services, ctx, vmid, ctx.state);
      if (!before || !after) return;
      const former = runningPlan(before);
      const added = after.spec.nics.map(({ slot }) => slot).filter((slot) => !former.spec.nics.some((nic) => nic.slot === slot));
      await networks.detachNics(ctx, after, [...added, ...movedTunnels(after, former)]);
      await networks.attach(ctx, former);
    },
  };
}

function rollbackStep(services: Services, { vmid, snapshot }: SnapshotInput): RollbackStep {
  const { inventory, config } = services;
  /** The record says what there is now: nothing of the former run is left. */
  const settle = async (state: RollbackState): Promise<void> => {
    state.restored = true;
    const present = requireRecord(services, vmid);
    if (state.after && present.active) await inventory.replace(withoutActive(present));
  };
  return {
    name: 'roll back',
    weight: 8,
    cancellable: false,
    do: async (ctx) => {
      const { after } = ctx.state;
      ctx.state.tried = true;
      if (after) await writeCloudInitFile(after.spec, config.folders);
      const spec = after ? { spec: toMachineSpec(after, config.folders) } : {};
      try {
        await requireSnapshots(services, vmid).rollback(ctx, { vmid, name: snapshot, ...spec });
        await settle(ctx.state);
      } catch (error) {
        if (error instanceof NakhodaError && error.details?.['restored'] === true) await settle(ctx.state);
        throw error;
      } finally {
        await inventory.refresh(vmid);
      }
    },
  };
}

function settleStep(services: Services, { vmid }: SnapshotInput): RollbackStep {
  return { name: 'settle its NICs', do: (ctx) => settleNics(services, ctx, vmid, ctx.state) };
}

/** Removes the host's side of NICs that the VM has no more, and of all where it does not run. */
async function settleNics(services: Services, ctx: DriverContext, vmid: number, { before, after }: RollbackState): Promise<void> {
  const { networks } = services;
  if (before && after) {
    const former = runningPlan(before);
    const gone = former.spec.nics.map(({ slot }) => slot).filter((slot) => !after.spec.nics.some((nic) => nic.slot === slot));
    if (gone.length > 0) await networks.detachNics(ctx, former, gone);
  }
  if (!isAlive(services, vmid)) await networks.detach(ctx, requireRecord(services, vmid));
}

async function findSnapshot(services: Services, ctx: DriverContext, vmid: number, name: string): Promise<Snapshot> {
  const found = (await requireSnapshots(services, vmid).list(ctx, { vmid })).find((one) => one.name === name);
  if (found) return found;
  throw new NakhodaError('snapshot.not-found', {
    message: `The VM has no snapshot called ${name}.`,
    hint: 'Look at the list of its snapshots.',
  });
}

/** The record until the driver is done: it wants the machine of that day, and there is the one of now. Pure. */
function betweenRecord(before: VmRecord, after: VmPlan): VmRecord {
  const used = new Set(after.spec.disks.map(({ volume }) => imageFile(volume)));
  const discarded = before.discarded?.filter((file) => !used.has(file)) ?? [];
  const running = planOf(runningPlan(before));
  return {
    ...planOf(after),
    ...(touchesMachine(running, after) ? { active: running } : {}),
    ...(discarded.length > 0 ? { discarded } : {}),
  };
}

function withoutActive({ active: _active, ...rest }: VmRecord): VmRecord {
  return rest;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === null ? 'none' : JSON.stringify(value);
}

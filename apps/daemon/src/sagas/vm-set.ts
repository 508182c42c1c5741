import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { DriverContext } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';
import type { Step, TaskKind } from '@nakhoda/tasks';

import { writeCloudInitFile } from '../services/cloud-init-file.ts';
import type { Services } from '../services/context.ts';
import { machineChanges, touchesMachine } from '../services/pending-changes.ts';
import { planAfterChange, type Refusal } from '../services/running-plan.ts';
import { changedRecord, planOf } from '../services/vm-change.ts';
import { imageFile, runningPlan, toMachineSpec, vmFolders, type VmPlan, type VmRecord } from '../services/vm-record.ts';
import { defineMachine } from './define-machine.ts';
import { deleteDiscarded } from './delete-discarded.ts';
import { requireFreeDisks, requireTemplateChange } from './require-change.ts';
import { changedMeanwhile, samePlan } from './same-plan.ts';
import type { VmInput } from './vm-power.ts';
import { requireNotSuspended, requireRecord, requireState } from './vm-steps.ts';

export interface VmSetInput extends VmInput {
  /** The record that the change was planned on. */
  before: VmRecord;
  after: VmPlan;
  /** File names of images that are to be deleted once no run has them. */
  discard?: string[];
  /** File names of images that were there before, and are given back to the VM: an undo leaves them. */
  reused?: string[];
}

interface VmSetState {
  /** What the run had when the change began. */
  running?: VmPlan;
}

type VmSetStep = Step<VmSetInput, VmSetState>;

/**
 * Changes a VM's plan. A machine that does not run is brought in line at once. One that runs takes what its driver
 * can change; the rest waits for its next start, and the record tells both.
 */
export function vmSetSaga(services: Services): TaskKind<VmSetInput, VmSetState, void> {
  return {
    kind: 'vm.set',
    title: ({ name, vmid }) => `Change ${name} (${vmid})`,
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid }) => [`vm/${vmid}`],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: (input) =>
      touchesMachine(input.before, input.after)
        ? [
            writeStep(services, input),
            connectStep(services, input),
            changeStep(services, input),
            freeStep(services, input),
            deleteStep(services, input),
          ]
        : [writeStep(services, input)],
  };
}

function writeStep(services: Services, { vmid, before, after, discard = [], reused = [] }: VmSetInput): VmSetStep {
  const { inventory, networks } = services;
  const touches = touchesMachine(before, after);
  const added = after.spec.nics.filter(
    (nic) => !before.spec.nics.some(({ slot, network }) => slot === nic.slot && network === nic.network),
  );
  return {
    name: 'write down what is wanted',
    do: async (ctx) => {
      const present = requireRecord(services, vmid);
      ctx.state.running ??= planOf(runningPlan(present));
      if (samePlan(present, after)) return;
      if (!samePlan(present, before)) throw changedMeanwhile(before);
      await requireTemplateChange(services, ctx, present, after);
      if (touches) {
        await inventory.refresh(vmid);
        requireState(services, present, 'set');
        requireNotSuspended(services, present);
        await requireFreeDisks(services, ctx, present, after);
      }
      networks.requireUsable(added.map(({ network }) => network));
      await requireImages(services, vmid, reused);
      const changed = changedRecord(present, after, { alive: isAlive(services, vmid), touches });
      const discarded = [...(present.discarded ?? []), ...discard];
      await inventory.replace({ ...changed, ...(discarded.length > 0 ? { discarded } : {}) });
      // Again: a task that began to delete one meanwhile may not have seen this VM.
      networks.requireUsable(added.map(({ network }) => network));
    },
    undo: async (ctx) => {
      // Where a step after this one had begun to change the machine, its undoing has written down what there is now.
      const present = inventory.byVmid(vmid);
      if (present && samePlan(present, after) && !isPastReturn(present, discard)) {
        const { running = before } = ctx.state;
        await inventory.replace(undoneRecord(present, { plan: before, discard, reused, ...(isAlive(services, vmid) ? { running } : {}) }));
      }
      // New disks that were made for the change.
      await deleteDiscarded(services, ctx, vmid);
    },
  };
}

/** A driver makes images that are not there. @throws NakhodaError `storage.volume-not-found` */
async function requireImages({ config }: Services, vmid: number, files: readonly string[]): Promise<void> {
  const { directory } = vmFolders(config.folders, vmid);
  for (const file of files) {
    if (await fileExists(join(directory, file))) continue;
    throw new NakhodaError('storage.volume-not-found', {
      message: `The image ${file} is not in the VM's folder any more.`,
      hint: 'List what there is: nakhoda disk unused VM',
    });
  }
}

/** The host's side of new NICs comes before the driver is asked to plug them in. */
function connectStep(services: Services, { vmid, after, discard = [] }: VmSetInput): VmSetStep {
  const { networks, inventory } = services;
  return {
    name: 'connect new NICs to their networks',
    do: async (ctx) => {
      if (!takesChanges(services, vmid)) return;
      const { running = after } = ctx.state;
      await networks.detachNics(ctx, running, movedTunnels(running, after));
      await networks.attach(ctx, after);
    },
    undo: async (ctx) => {
      const present = inventory.byVmid(vmid);
      if (!present || isPastReturn(present, discard) || !takesChanges(services, vmid)) return;
      const { running = after } = ctx.state;
      const added = after.spec.nics.map(({ slot }) => slot).filter((slot) => !running.spec.nics.some((nic) => nic.slot === slot));
      await networks.detachNics(ctx, after, [...added, ...movedTunnels(after, running)]);
      await networks.attach(ctx, running);
    },
  };
}

function changeStep(services: Services, { vmid, before, after, discard = [], reused = [] }: VmSetInput): VmSetStep {
  const { inventory, hypervisors, config } = services;
  const driver = hypervisors.driver(after.spec.hypervisor);
  const redefine = async (ctx: DriverContext, plan: VmPlan): Promise<void> => {
    await defineMachine(services, ctx, plan);
    await inventory.refresh(vmid);
  };
  /** What the driver refuses of a change of the run. */
  const change = async (ctx: DriverContext, from: VmPlan, to: VmPlan): Promise<readonly Refusal[]> => {
    const all = (reason: string): Refusal[] =>
      // The name, and another image of the same name, are no changes that the API tells of.
      ['name', 'cdrom', ...machineChanges(from.spec, to.spec).map(({ field }) => field)].map((field) => ({ field, reason }));
    if (!driver.hotplug) return all(`${after.spec.hypervisor} changes nothing of a VM that runs.`);
    if (!takesChanges(services, vmid)) return all(`The VM is ${inventory.state(vmid)}.`);
    await writeCloudInitFile(to.spec, config.folders);
    return (await driver.hotplug.change(ctx, { spec: toMachineSpec(to, config.folders) })).pending;
  };
  return {
    name: 'bring the machine in line',
    do: async (ctx) => {
      const present = requireRecord(services, vmid);
      const { active: _active, ...wanted } = present;
      if (!isAlive(services, vmid)) {
        await redefine(ctx, after);
        if (present.active) await inventory.replace(wanted);
        return;
      }
      const { running = before } = ctx.state;
      const refusals = await change(ctx, running, after);
      // The image for cloud-init names the NICs: it may be another though nothing else is left to be changed.
      const otherImage = refusals.some(({ field }) => field === 'cloudInit') ? planOf(after) : undefined;
      const active = planAfterChange(running, after, refusals) ?? otherImage;
      await inventory.replace({ ...wanted, ...(active ? { active } : {}) });
      for (const { field, reason } of active ? refusals : []) ctx.log(`${field} is pending until the next start: ${reason}`);
    },
    undo: async (ctx) => {
      const present = inventory.byVmid(vmid);
      if (!present || !samePlan(present, after) || isPastReturn(present, discard)) return;
      const { running = before } = ctx.state;
      const restore = async (grown: boolean): Promise<void> => {
        const back = grown ? withSizesOf(after, before) : before;
        const run = grown ? withSizesOf(after, running) : running;
        if (!isAlive(services, vmid)) {
          await redefine(ctx, back);
          await inventory.replace(undoneRecord(present, { plan: back, discard, reused }));
          return;
        }
        // Nothing was changed where the driver takes no changes.
        const refusals = takesChanges(services, vmid) ? await change(ctx, after, run) : [];
        const actual = planAfterChange(present.active ?? after, run, refusals) ?? run;
        await inventory.replace(undoneRecord(present, { plan: back, discard, reused, running: actual }));
      };
      try {
        await restore(false);
      } catch (error) {
        if (!(error instanceof NakhodaError) || error.code !== 'vm.spec-invalid' || !grows(before, after)) throw error;
        // A disk that has grown is never cut: that much of the change stays, and the record tells it.
        await restore(true);
      }
    },
  };
}

/** The host's side of NICs that the run has no more, or did not take. */
function freeStep(services: Services, { vmid, after, discard = [] }: VmSetInput): VmSetStep {
  const { networks, inventory } = services;
  return {
    name: 'take removed NICs off their networks',
    do: async (ctx) => {
      const { running = after } = ctx.state;
      if (!takesChanges(services, vmid)) return;
      const has = new Set(runningPlan(requireRecord(services, vmid)).spec.nics.map(({ slot }) => slot));
      for (const plan of [running, after]) {
        const gone = plan.spec.nics.map(({ slot }) => slot).filter((slot) => !has.has(slot));
        if (gone.length > 0) await networks.detachNics(ctx, plan, gone);
      }
    },
    undo: async (ctx) => {
      const present = inventory.byVmid(vmid);
      if (!present || isPastReturn(present, discard) || !takesChanges(services, vmid)) return;
      await networks.attach(ctx, ctx.state.running ?? after);
    },
  };
}

function deleteStep(services: Services, { vmid }: VmSetInput): VmSetStep {
  return { name: 'delete the images of removed disks', cancellable: false, do: (ctx) => deleteDiscarded(services, ctx, vmid) };
}

/**
 * The record of a VM whose change is undone: it wants `plan` again, and its run, if one goes on, has `running`. Images
 * of disks that the change had added are to be deleted, but for those that were there before. Pure.
 */
function undoneRecord(
  present: VmRecord,
  { plan, discard, reused, running }: { plan: VmPlan; discard: readonly string[]; reused: readonly string[]; running?: VmPlan },
): VmRecord {
  const kept = new Set([...reused, ...[...plan.spec.disks, ...(running?.spec.disks ?? [])].map(({ volume }) => imageFile(volume))]);
  const added = present.spec.disks.map(({ volume }) => imageFile(volume)).filter((file) => !kept.has(file));
  const discarded = [...(present.discarded?.filter((file) => !discard.includes(file)) ?? []), ...added];
  return {
    ...planOf(plan),
    ...(running && touchesMachine(running, plan) ? { active: running } : {}),
    ...(discarded.length > 0 ? { discarded } : {}),
  };
}

/** An image was deleted: the disk cannot come back, so the change stands whatever happens. */
function isPastReturn({ discarded = [] }: VmRecord, discard: readonly string[]): boolean {
  return discard.some((file) => !discarded.includes(file));
}

function grows(before: VmPlan, after: VmPlan): boolean {
  return !isDeepStrictEqual(withSizesOf(after, before).spec.disks, before.spec.disks);
}

/** The plan, with disks as large as those of another. */
function withSizesOf(larger: VmPlan, plan: VmPlan): VmPlan {
  const disks = plan.spec.disks.map((disk) => {
    const other = larger.spec.disks.find(({ slot, volume }) => slot === disk.slot && volume === disk.volume);
    return other && other.sizeGiB > disk.sizeGiB ? { ...disk, sizeGiB: other.sizeGiB } : disk;
  });
  return { ...plan, spec: { ...plan.spec, disks } };
}

/** A run goes on that the record tells of. */
export function isAlive({ inventory }: Services, vmid: number): boolean {
  return !['stopped', 'crashed'].includes(inventory.state(vmid));
}

/** The VM runs, and its driver changes VMs that do. */
function takesChanges({ inventory, hypervisors }: Services, vmid: number): boolean {
  const record = inventory.byVmid(vmid);
  return record !== undefined && inventory.state(vmid) === 'running' && hypervisors.driver(record.spec.hypervisor).hotplug !== undefined;
}

/** NICs that a run keeps while they move to another network, by way of a relay that belongs to one network. */
export function movedTunnels(from: VmPlan, to: VmPlan): string[] {
  return from.spec.nics
    .filter(({ slot, network }) => to.spec.nics.some((nic) => nic.slot === slot && nic.network !== network))
    .map(({ slot }) => slot)
    .filter((slot) => from.attachments[slot]?.kind === 'udp-tunnel');
}

import type { DriverContext, HotplugFacet, MachineSpec } from '@nakhoda/driver';
import { writeFileAtomic } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { capabilitiesOf } from './capabilities.ts';
import { planChange } from './change-plan.ts';
import type { ChangeUnit, Pending } from './change-plan.ts';
import { needGoodSpec, runStep } from './define.ts';
import { existingImages, linkedImages, refuseLinkedGrowth } from './existing-images.ts';
import { specPath } from './machines.ts';
import type { Parts } from './parts.ts';
import { removeImage } from './remove-image.ts';
import { heldDisks } from './snapshot-disks.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/** See `HotplugFacet`. */
export function createHotplug(parts: Parts, oneAtATime: (vmid: number, work: () => Promise<void>) => Promise<void>): HotplugFacet {
  return {
    async change(ctx, { spec }) {
      const pending: Pending[] = [];
      await oneAtATime(spec.vmid, async () => {
        pending.push(...(await change(parts, ctx, spec)));
      });
      return { pending };
    },
  };
}

async function change(parts: Parts, ctx: DriverContext, wanted: MachineSpec): Promise<Pending[]> {
  needGoodSpec(wanted, capabilitiesOf(parts.hostFacts()));
  const machine = await parts.machines.need(wanted.vmid);
  const { status } = await parts.machines.view(machine);
  if (status.state !== 'running' && status.state !== 'paused') {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${wanted.vmid} is ${status.state}: there is no run to change.`,
      hint: 'Start the VM, or change its definition while it is stopped.',
    });
  }
  await parts.account.prepare(wanted);
  await refuseLinkedGrowth(wanted.disks);
  const linked = await linkedImages(parts.machines, machine.observed, wanted.disks);
  const images = await existingImages(wanted.disks);
  const held = new Set((await heldDisks(parts, machine, machine.spec.disks)).map(({ path }) => path));
  const plan = planChange(machine.spec, wanted, { observed: machine.observed, existingImages: images, linkedImages: linked, held });
  const pending = [...plan.pending];
  let spec = machine.spec;
  for (const unit of plan.units) {
    const refusal = await apply(parts, ctx, wanted, unit);
    if (refusal !== null) {
      pending.push({ field: unit.field, reason: refusal });
      continue;
    }
    const before = spec;
    spec = unit.record(spec);
    await forgetMedia(parts, before, spec);
    // After each: a daemon that is killed in between finds a record of what runs.
    await writeFileAtomic(specPath(spec.directory), JSON.stringify(spec, null, 2));
  }
  return pending;
}

/** VirtualBox goes on holding an image that was taken out of a drive; where it is told to let go of it, the file stays. */
async function forgetMedia(parts: Parts, before: MachineSpec, after: MachineSpec): Promise<void> {
  const gone = before.disks.filter(({ path }) => !after.disks.some((disk) => disk.path === path));
  for (const { path } of gone) {
    const close = parts.vbox.run(['closemedium', 'disk', path], { lanes: [vmLane(after.vmid), mediaLane] });
    await close.catch((error: unknown) => parts.log(`closing ${path}: ${String(error)}`));
  }
}

/** Null when it is done; otherwise why not, and then nothing of it is left. */
async function apply(parts: Parts, ctx: DriverContext, wanted: MachineSpec, unit: ChangeUnit): Promise<string | null> {
  const made: string[] = [];
  try {
    for (const step of unit.steps) {
      if (step.makes !== undefined) made.push(step.makes);
      await runStep(parts, ctx.signal, wanted, step);
    }
    return null;
  } catch (error) {
    for (const step of unit.undo) {
      await runStep(parts, undefined, wanted, step).catch((second: unknown) => parts.log(`undoing a refused change: ${String(second)}`));
    }
    for (const path of made) await removeImage(parts, wanted.vmid, path);
    ctx.signal.throwIfAborted();
    const { message } = toNakhodaError(error);
    return /[.!?]$/u.test(message) ? message : `${message}.`;
  }
}

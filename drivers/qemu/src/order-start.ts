import type { DriverContext } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { unfinishedError } from './definition.ts';
import type { Environment } from './environment.ts';
import { imageDisks } from './hardware/firmware.ts';
import { heldError } from './images.ts';
import { imageChain } from './layers.ts';
import { powerOff, startMachine } from './lifecycle.ts';
import type { Machine } from './machine.ts';
import { heal } from './snapshot-layers.ts';
import { readSnapshots } from './snapshot-store.ts';
import { baseMemoryOf } from './snapshot-tree.ts';
import { loadSuspended, refuseMisfit } from './suspend.ts';

/** See `Driver.start`. In the machine's turn. */
export async function orderStart(environment: Environment, ctx: DriverContext, machine: Machine): Promise<void> {
  if (!(await readyToStart(machine))) return;
  await heal(environment, machine, { merge: false, log: ctx.log });
  await refuseHeldDisks(environment, machine);
  await startOrGoOn(environment, ctx, machine);
}

async function startOrGoOn(environment: Environment, ctx: DriverContext, machine: Machine): Promise<void> {
  const { suspended } = machine;
  if (!suspended) return startMachine(environment, ctx, machine);
  await refuseMisfit(environment, machine, suspended);
  await startMachine(environment, ctx, machine, {
    baseMemoryMiB: baseMemoryOf(suspended.hardware, machine.spec),
    load: (qmp) => loadSuspended(ctx, machine, suspended, qmp),
    // On record before the guest runs: from then on its disks are not those of the memory any more.
    loaded: () => machine.setSuspended(null),
  });
}

/** What follows an ordered end, or never ran, may start; true also after what crashed was cleared away. */
async function readyToStart(machine: Machine): Promise<boolean> {
  const { state, reason } = await machine.status();
  switch (state) {
    case 'running':
    case 'paused':
      return false;
    case 'stopped':
      return true;
    case 'crashed':
    case 'stopping':
      // Its process may still be there: a guest that panicked, or one that has powered itself off.
      await powerOff(machine);
      return true;
    case 'starting':
    case 'unknown':
      throw new NakhodaError('vm.wrong-state', {
        message: `VM ${machine.spec.name} cannot be started while it is ${state}. ${reason ?? ''}`.trim(),
        hint: 'Stop it by power-off first.',
      });
  }
}

/** A guest must not write to what a clone lies on, or is being copied from. */
async function refuseHeldDisks({ isHeld }: Environment, machine: Machine): Promise<void> {
  const { record, spec, places } = machine;
  if (record.clone?.reading) throw unfinishedError(spec.name);
  const store = await readSnapshots(spec);
  const tops = imageDisks(spec).map(({ slot }) => imageChain(store, places, slot, store.active)[0]?.path ?? '');
  if (tops.some(isHeld)) throw heldError(spec.name, 'cannot be started');
}

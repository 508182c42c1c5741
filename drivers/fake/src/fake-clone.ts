import type { Driver } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { FakeCore } from './fake-core.ts';
import { makeDisks } from './fake-disks.ts';
import { newMachine } from './fake-machine.ts';
import { findSnapshot } from './fake-snapshots.ts';

/** A machine with a copy of what is on another's disk; linked ones differ in nothing. */
export function fakeClone(core: FakeCore): NonNullable<Driver['clone']> {
  return async (ctx, { source, snapshot, linked, spec }) => {
    await core.enter('clone', ctx);
    const machine = core.machines.get(source);
    const { disk } = snapshot === null ? machine : findSnapshot(machine, snapshot);
    if (linked && snapshot === null && (machine.state !== 'stopped' || machine.suspendedMemory)) {
      throw new NakhodaError('vm.wrong-state', {
        message: `VM ${source} is ${machine.state === 'stopped' ? 'suspended' : machine.state}, so its disks go on changing under a linked clone.`,
        hint: 'Stop it first, name a snapshot, or make a full clone.',
      });
    }
    const clone = newMachine(structuredClone(spec));
    clone.madeDisks = makeDisks(spec);
    clone.disk = structuredClone(disk);
    core.machines.add(clone);
  };
}

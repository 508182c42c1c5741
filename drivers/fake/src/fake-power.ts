import type { CrashFacet, Driver, PauseFacet, SuspendFacet } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { FakeCore } from './fake-core.ts';
import { type FakeMachine, powerOff } from './fake-machine.ts';

/** A paused guest keeps its memory and answers nothing. */
export function fakePause(core: FakeCore): PauseFacet {
  return {
    async pause(ctx, { vmid }) {
      await core.enter('pause', ctx);
      const machine = core.machines.get(vmid);
      if (machine.state === 'paused') return;
      requireMemory(machine, 'paused');
      machine.state = 'paused';
      core.changed(machine);
    },
    async resume(ctx, { vmid }) {
      await core.enter('resume', ctx);
      const machine = core.machines.get(vmid);
      requireMemory(machine, 'resumed');
      core.unpause(machine);
    },
  };
}

/** A guest that panicked has its memory still. */
export function fakeCrashes(core: FakeCore): CrashFacet {
  return {
    async hold(ctx, { vmid }) {
      await core.enter('hold', ctx);
      const machine = core.machines.get(vmid);
      if (machine.state === 'paused' && machine.reason !== null) return;
      if (machine.state !== 'crashed' || !machine.memory) {
        throw new NakhodaError('vm.wrong-state', {
          message: `VM ${vmid} is ${machine.state}, so there is no guest to be kept for a look.`,
          hint: 'A guest is kept that could not go on.',
        });
      }
      machine.state = 'paused';
      core.changed(machine);
    },
  };
}

/** The guest starts anew: with its disk, without its memory. */
export function fakeReset(core: FakeCore): NonNullable<Driver['reset']> {
  return async (ctx, { vmid }) => {
    await core.enter('reset', ctx);
    const machine = core.machines.get(vmid);
    requireMemory(machine, 'reset');
    const { startedAt } = machine;
    core.endRun(machine);
    powerOff(machine);
    core.powerOn(machine);
    machine.startedAt = startedAt;
    core.changed(machine);
  };
}

export function fakeSuspend(core: FakeCore): SuspendFacet {
  return {
    async suspend(ctx, { vmid }) {
      await core.enter('suspend', ctx);
      const machine = core.machines.get(vmid);
      if (machine.suspendedMemory) return;
      requireMemory(machine, 'suspended');
      const { memory } = machine;
      core.endRun(machine);
      powerOff(machine);
      machine.suspendedMemory = memory;
      core.changed(machine);
    },
    async discard(ctx, { vmid }) {
      await core.enter('discard', ctx);
      const machine = core.machines.get(vmid);
      if (!machine.suspendedMemory) return;
      machine.suspendedMemory = null;
      core.changed(machine);
    },
  };
}

function requireMemory(machine: FakeMachine, participle: string): void {
  if (machine.memory) return;
  throw new NakhodaError('vm.wrong-state', {
    message: `VM ${machine.spec.vmid} is ${machine.state}, so it cannot be ${participle}.`,
    hint: 'Start the VM first.',
  });
}

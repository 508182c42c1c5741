import type { CrashFacet, Driver, PauseFacet } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { Machine } from './machine.ts';
import type { QmpClient } from './qmp/qmp-client.ts';

const qmpTimeoutMs = 5_000;

/** `stop` and `cont` of QMP: QEMU answers when the processors stand still, or go on. */
export function createPauseFacet(find: (vmid: number) => Promise<Machine>): PauseFacet {
  const order = async (vmid: number, command: 'stop' | 'cont', participle: string): Promise<void> => {
    const machine = await find(vmid);
    await machine.turns.run(async () => {
      const qmp = await commandable(machine, participle);
      if (command === 'cont') await letGo(machine);
      await qmp.execute(command, {});
      machine.emit('state');
    });
  };
  return {
    pause: (_ctx, { vmid }) => order(vmid, 'stop', 'paused'),
    resume: (_ctx, { vmid }) => order(vmid, 'cont', 'resumed'),
  };
}

/** See `Driver.reset`. A guest that was paused runs afterwards. */
export function createReset(find: (vmid: number) => Promise<Machine>): NonNullable<Driver['reset']> {
  return async (_ctx, { vmid }) => {
    const machine = await find(vmid);
    await machine.turns.run(async () => {
      const qmp = await commandable(machine, 'reset');
      await letGo(machine);
      await qmp.execute('system_reset', {});
      // The agent and the shell that answered are gone, and what they were in the middle of with them.
      machine.hub?.note('the VM was reset');
      machine.resetGuest();
      await qmp.execute('cont', {});
      machine.emit('state');
    });
  };
}

/** QEMU has stopped the processors already (`-action panic=pause`): what is kept is kept by the record. */
export function createCrashFacet(find: (vmid: number) => Promise<Machine>): CrashFacet {
  return {
    async hold(_ctx, { vmid }) {
      const machine = await find(vmid);
      await machine.turns.run(async () => {
        const { boot } = machine;
        const { state, standing, reason } = await machine.status();
        if (boot?.kind === 'run' && boot.held && state === 'paused') return;
        if (boot?.kind !== 'run' || !standing) {
          throw new NakhodaError('vm.wrong-state', {
            message: `VM ${machine.spec.name} is ${state}, so there is no guest to be kept for a look. ${reason ?? ''}`.trim(),
            hint: 'A guest is kept that could not go on, and whose QEMU is there still.',
          });
        }
        await machine.setBoot({ ...boot, held: true });
        machine.emit('state');
      });
    },
  };
}

/** A guest that goes on, or starts anew, is not kept any more: when it crashes again, it is a crash again. */
async function letGo(machine: Machine): Promise<void> {
  const { boot } = machine;
  if (boot?.kind !== 'run' || !boot.held) return;
  const { held: _held, ...run } = boot;
  await machine.setBoot(run);
}

/**
 * The connection to a QEMU whose guest runs or is paused.
 * @throws NakhodaError `vm.wrong-state`; `hypervisor.timeout` when QEMU does not answer
 */
async function commandable(machine: Machine, participle: string): Promise<QmpClient> {
  const { name } = machine.spec;
  const { state, reason } = await machine.status();
  if (state !== 'running' && state !== 'paused' && state !== 'unknown') {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${name} is ${state}, so it cannot be ${participle}. ${reason ?? ''}`.trim(),
      hint: 'Start the VM first.',
    });
  }
  const qmp = await machine.qmp(qmpTimeoutMs);
  if (qmp) return qmp;
  throw new NakhodaError('hypervisor.timeout', {
    message: `The QEMU of VM ${name} does not answer, so it cannot be ${participle}.`,
    hint: 'Stop the VM by power-off.',
  });
}

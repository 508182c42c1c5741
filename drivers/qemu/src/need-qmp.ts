import { NakhodaError } from '@nakhoda/schema';

import type { Machine } from './machine.ts';
import type { QmpClient } from './qmp/qmp-client.ts';

/** How long a connection that is being made is waited for, in milliseconds. */
const patienceMs = 2_000;

/**
 * The QMP connection of a running VM.
 * @throws NakhodaError `guest.not-running`; `hypervisor.timeout` when its QEMU does not answer
 */
export async function needQmp(machine: Machine): Promise<QmpClient> {
  const { name } = machine.spec;
  const qmp = machine.alive ? await machine.qmp(patienceMs) : null;
  if (qmp !== null) return qmp;
  if (machine.alive) {
    throw new NakhodaError('hypervisor.timeout', {
      message: `The QEMU of VM ${name} does not answer on its QMP socket.`,
      hint: 'Look whether the QEMU process hangs or is stopped; stopping the VM by power-off ends it.',
    });
  }
  throw new NakhodaError('guest.not-running', {
    message: `VM ${name} does not run, so it has neither screen nor keyboard.`,
    hint: 'Start the VM first.',
  });
}

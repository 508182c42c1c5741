import { waitFor } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import type { Parts } from './parts.ts';
import { ServiceWatch } from './service-process.ts';

/** It leaves 5 s after its last client. Milliseconds. */
const leaveMs = 9000;

/**
 * True when VirtualBox refused to close an image that is in no drive, and its service has ended since. One that saw a
 * VM's process die within an order counts images of that as attached for as long as it lives (7.2.22); the next one goes
 * by the files. It leaves some seconds after its last client, and a VM that runs is one: then nothing is waited for.
 */
export async function serviceLeaves({ machines, env }: Parts, refusal: unknown): Promise<boolean> {
  if (!/still attached/u.test(toNakhodaError(refusal).message)) return false;
  const views = await Promise.all((await machines.all()).map((machine) => machines.view(machine)));
  if (views.some(({ status }) => status.pid !== undefined)) return false;
  const service = new ServiceWatch(env['VBOX_USER_HOME'] ?? '');
  return (await waitFor(async () => (await service.goneForMs()) > 0, { timeoutMs: leaveMs, pollMs: 100 })) === true;
}

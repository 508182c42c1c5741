import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError } from '@nakhoda/schema';

import type { QmpClient } from './qmp/qmp-client.ts';

/** QEMU 7.2 announces no processor that has gone, so it is looked as well. */
const pollMs = 200;

/** How long a guest may take to let go of a device, and what ends the wait. */
export interface Release {
  timeoutMs: number;
  signal: AbortSignal;
}

/** Ids of the devices that were named and are there. */
export async function deviceIds(qmp: QmpClient): Promise<Set<string>> {
  return new Set((await qmp.execute('qom-list', { path: '/machine/peripheral' })).map(({ name }) => name));
}

/**
 * Takes a device out of a running guest: asks the guest to let go of it, and waits until QEMU has deleted it. Nothing
 * to a device that is gone.
 * @throws NakhodaError `guest.timeout` when the guest holds on to it. It may still let go later.
 */
export async function unplug(qmp: QmpClient, id: string, options: Release): Promise<void> {
  if (!(await deviceIds(qmp)).has(id)) return;
  const { timeoutMs, signal } = options;
  const told = Promise.withResolvers<void>();
  const answer = { refused: false };
  const stop = qmp.onEvent(({ event, data }) => {
    if (data['device'] !== id) return;
    answer.refused ||= event === 'DEVICE_UNPLUG_GUEST_ERROR';
    if (answer.refused || event === 'DEVICE_DELETED') told.resolve();
  });
  const deadline = performance.now() + timeoutMs;
  try {
    // An earlier order that the guest has not followed yet is refused the second time, and still stands.
    await qmp.execute('device_del', { id }).catch((error: unknown) => {
      if (!(error instanceof NakhodaError) || !/in the process of unplug/.test(error.message)) throw error;
    });
    while (!answer.refused && performance.now() < deadline) {
      await Promise.race([told.promise, delay(pollMs, undefined, { signal })]);
      if (!(await deviceIds(qmp)).has(id)) return;
    }
  } finally {
    stop();
  }
  throw new NakhodaError('guest.timeout', {
    message: answer.refused ? `The guest refused to let go of ${id}.` : `The guest did not let go of ${id} within ${timeoutMs / 1000} s.`,
    hint: 'Stop what uses it in the guest and try again, or let the change wait for the next start.',
  });
}

import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError } from '@nakhoda/schema';

import { memoryDevice } from './hardware/memory.ts';
import type { MemoryDevice } from './qmp/commands.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import type { Release } from './unplug.ts';

const mebibyte = 1024 * 1024;
/** QEMU announces a new size once a second at most, so it is looked as well. */
const pollMs = 100;

/**
 * Lets a running guest have so many MiB beside those that it was powered on with, and waits until it has taken or given
 * back the difference. What it does not follow as a whole within the time is taken back.
 * @throws NakhodaError `guest.timeout`
 */
export async function setMemory(qmp: QmpClient, wantedMiB: number, { timeoutMs, signal }: Release): Promise<void> {
  const former = await readDevice(qmp);
  const wanted = wantedMiB * mebibyte;
  const told = { now: Promise.withResolvers<void>() };
  const stop = qmp.onEvent(({ event }) => {
    if (event !== 'MEMORY_DEVICE_SIZE_CHANGE') return;
    told.now.resolve();
    told.now = Promise.withResolvers();
  });
  try {
    await request(qmp, wanted);
    const deadline = performance.now() + timeoutMs;
    let { size } = await readDevice(qmp);
    while (size !== wanted) {
      if (performance.now() > deadline) throw refusal({ before: former.size, size, wanted }, timeoutMs);
      await Promise.race([told.now.promise, delay(pollMs, undefined, { signal })]);
      ({ size } = await readDevice(qmp));
    }
  } catch (error) {
    // The guest is asked to undo what it did of it; one that does nothing at all has done nothing.
    await request(qmp, former['requested-size']).catch(() => undefined);
    throw error;
  } finally {
    stop();
  }
}

async function request(qmp: QmpClient, bytes: number): Promise<void> {
  await qmp.execute('qom-set', { path: `/machine/peripheral/${memoryDevice}`, property: 'requested-size', value: bytes });
}

async function readDevice(qmp: QmpClient): Promise<MemoryDevice['data']> {
  const device = (await qmp.execute('query-memory-devices', {})).find(({ data }) => data.id === memoryDevice);
  if (device) return device.data;
  throw new NakhodaError('hypervisor.failed', {
    message: 'The VM was started without room for more memory.',
    hint: 'The change comes with the next start.',
  });
}

/** Why a change of memory was given up. Pure. */
export function refusal({ before, size, wanted }: { before: number; size: number; wanted: number }, timeoutMs: number): NakhodaError {
  const mebibytes = (bytes: number): string => `${Math.round(Math.abs(bytes) / mebibyte)} MiB`;
  const within = `within ${timeoutMs / 1000} s`;
  const all = mebibytes(wanted - before);
  const done = mebibytes(size - before);
  const [grown, message] =
    wanted > before
      ? [true, size === before ? `The guest took none of the ${all} ${within}.` : `The guest took ${done} of the ${all} ${within}.`]
      : [
          false,
          size === before ? `The guest gave back none of the ${all} ${within}.` : `The guest gave back ${done} of the ${all} ${within}.`,
        ];
  return new NakhodaError('guest.timeout', {
    message: `${message} ${grown ? 'It has to know virtio-mem: Linux since 5.8, Windows with the driver viomem.' : 'It is using that memory, or has no driver for virtio-mem.'}`,
    hint: 'The change comes with the next start.',
  });
}

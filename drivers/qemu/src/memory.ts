import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError } from '@nakhoda/schema';

import { memoryDevice, memoryStepMiB } from './hardware/memory.ts';
import type { MemoryDevice } from './qmp/commands.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import type { Release } from './unplug.ts';

const mebibyte = 1024 * 1024;
/** QEMU announces a new size once a second at most, so it is looked as well. */
const pollMs = 20;
/**
 * MiB that a guest is asked to give back at a time, at least. Asked for all at once, Linux 6.1 that had not so much to
 * spare went on looking for it and did nothing else, also after it had got its memory back; asked in steps, it did not.
 */
const leastStepMiB = 32;
/** Of one step back: as long as it lasts, a guest that has no more to give is short of memory. */
const stepTimeoutMs = 5_000;

/**
 * Lets a running guest have so many MiB beside those that it was powered on with, and waits until it has taken or given
 * back the difference. What it does not follow as a whole within the time is taken back.
 * @throws NakhodaError `guest.timeout`
 */
export async function setMemory(qmp: QmpClient, wantedMiB: number, { timeoutMs, signal }: Release): Promise<void> {
  const former = await readDevice(qmp);
  const wanted = wantedMiB * mebibyte;
  const patienceMs = wanted < former.size ? Math.min(timeoutMs, stepTimeoutMs) : timeoutMs;
  const told = { now: Promise.withResolvers<void>() };
  const stop = qmp.onEvent(({ event }) => {
    if (event !== 'MEMORY_DEVICE_SIZE_CHANGE') return;
    told.now.resolve();
    told.now = Promise.withResolvers();
  });
  try {
    for (const step of memorySteps(former.size / mebibyte, wantedMiB)) {
      await request(qmp, step * mebibyte);
      const deadline = performance.now() + patienceMs;
      let { size } = await readDevice(qmp);
      while (size !== step * mebibyte) {
        if (performance.now() > deadline) throw refusal({ before: former.size, size, wanted }, patienceMs);
        await Promise.race([told.now.promise, delay(pollMs, undefined, { signal })]);
        ({ size } = await readDevice(qmp));
      }
    }
  } catch (error) {
    // The guest is asked to undo what it did of it; one that does nothing at all has done nothing.
    await request(qmp, former['requested-size']).catch(() => undefined);
    throw error;
  } finally {
    stop();
  }
}

/** The sizes in MiB by which a guest is led from one to another: more at once, less by and by, in 64 steps at most. Pure. */
export function memorySteps(fromMiB: number, toMiB: number): number[] {
  const step = Math.max(leastStepMiB, Math.ceil((fromMiB - toMiB) / 64 / memoryStepMiB) * memoryStepMiB);
  const between = Math.max(0, Math.ceil((fromMiB - toMiB) / step) - 1);
  return [...Array.from({ length: between }, (_, index) => fromMiB - (index + 1) * step), toMiB];
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
  const part = size === before ? 'none' : mebibytes(size - before);
  const done = `${part} of the ${mebibytes(wanted - before)}, and no more within ${timeoutMs / 1000} s.`;
  return new NakhodaError('guest.timeout', {
    message:
      wanted > before
        ? `The guest took ${done} It has to know virtio-mem: Linux since 5.8, Windows with the driver viomem.`
        : `The guest gave back ${done} It needs that memory itself, or has no driver for virtio-mem.`,
    hint: 'The change comes with the next start.',
  });
}

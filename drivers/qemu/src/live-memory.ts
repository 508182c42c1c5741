import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { type MemoryReceiver, sendMemory } from './memory-file.ts';
import type { MigrationInfo } from './qmp/commands.ts';
import type { QmpClient } from './qmp/qmp-client.ts';

/** Of writing or reading a guest's whole memory: this bounds a hopeless wait. */
const memoryTimeoutMs = 60 * 60_000;
/** Bytes a second; the largest that QEMU 7.2 takes is SIZE_MAX. A stream to a file gains nothing from QEMU's limit for networks. */
const unlimitedBandwidth = 2 ** 50;

/**
 * Makes QEMU ready to write the memory of a guest that runs: it protects the memory against writing (userfaultfd) and
 * saves each page before the guest changes it. Where that is not possible (`words` are QEMU's), or not wanted,
 * memory will be written as for a migration to another host, for which the guest has to stand still.
 */
export async function prepareToSave(qmp: QmpClient, wanted: boolean): Promise<{ background: boolean; words: string | null }> {
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': unlimitedBandwidth });
  const set = (background: boolean): Promise<unknown> =>
    qmp.execute('migrate-set-capabilities', {
      capabilities: [
        { capability: 'events', state: true },
        { capability: 'background-snapshot', state: background },
      ],
    });
  try {
    await set(wanted);
    return { background: wanted, words: null };
  } catch (error) {
    await set(false);
    return { background: false, words: toNakhodaError(error).message };
  }
}

/** Begins to send the guest's state to the socket. */
export async function beginToSave(qmp: QmpClient, socketPath: string): Promise<void> {
  await qmp.execute('migrate', { uri: `unix:${socketPath}` });
}

/**
 * Lets a guest go on whose memory is being saved in the background, as soon as that memory is protected. QEMU 7.2 does so
 * by itself; later ones (seen with 10.0) leave a guest paused that was paused before. That the memory is protected shows
 * in that pages of it are sent: `cont` any earlier would let the guest run before its devices are saved.
 * Returns when that is done, or nothing is sent any more.
 */
export async function goOnOnceProtected(qmp: QmpClient): Promise<void> {
  for (;;) {
    const { status, ram } = await qmp.execute('query-migrate', {});
    if (status === undefined || status === 'failed' || status === 'cancelled') return;
    if (status === 'completed' || (status === 'active' && ram && ram.remaining < ram.total)) break;
    await delay(1);
  }
  await qmp.execute('cont', {});
}

/** Waits until the guest's state is wholly sent and written. @throws what failed: the writing, QEMU, or the signal's reason. */
export async function saved(
  qmp: QmpClient,
  receiver: MemoryReceiver,
  options: { signal: AbortSignal; progress: (fraction: number) => void },
): Promise<number> {
  await migrated(qmp, options);
  return receiver.whole;
}

/**
 * Gives up a stream that an earlier daemon, or a call that failed, left under way. With `runs`, returns as soon as the
 * guest can go on; otherwise when nothing is sent any more. A stream in the background is never cancelled: QEMU 7.2 can
 * hang for ever in that (memory-writer.pl tells why), so it is waited for.
 * @throws NakhodaError `hypervisor.timeout`
 */
export async function endSaving(qmp: QmpClient, options: { runs: boolean; timeoutMs: number }): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  const capabilities = await qmp.execute('query-migrate-capabilities', {});
  const background = capabilities.some(({ capability, state }) => capability === 'background-snapshot' && state);
  for (;;) {
    const { status } = await qmp.execute('query-migrate', {});
    if (status === undefined || over.has(status)) return;
    if (!background) await qmp.execute('migrate_cancel', {});
    else if (options.runs && (await qmp.execute('query-status', {})).status === 'running') return;
    if (performance.now() > deadline) throw lateError('to write its memory to the end');
    await delay(20);
  }
}

/**
 * Gives a QEMU that was started to wait for it (`-incoming defer`) the state of its guest from a file.
 * Its processors do not run yet afterwards.
 */
export async function loadMemory(
  qmp: QmpClient,
  {
    filePath,
    socketPath,
    signal,
    progress,
  }: { filePath: string; socketPath: string; signal: AbortSignal; progress: (fraction: number) => void },
): Promise<void> {
  await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
  await qmp.execute('migrate-incoming', { uri: `unix:${socketPath}` });
  // QEMU 7.2 ends when it cannot read the stream, and what it says then tells more than a closed socket.
  const sending = sendMemory(filePath, socketPath).catch((error: unknown) => error);
  await migrated(qmp, { signal, progress });
  const fault = await sending;
  if (fault !== undefined) throw fault;
}

/** Waits for the end of the migration that is under way. QEMU tells each step by an event, and is asked now and then. */
async function migrated(
  qmp: QmpClient,
  { signal, progress }: { signal: AbortSignal; progress: (fraction: number) => void },
): Promise<void> {
  let wake: () => void = () => undefined;
  const stopListening = qmp.onEvent(({ event }) => {
    if (event === 'MIGRATION') wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  const deadline = performance.now() + memoryTimeoutMs;
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      signal.throwIfAborted();
      const info = await qmp.execute('query-migrate', {}, { timeoutMs: 30_000 });
      if (info.status === 'completed') return;
      if (info.status === 'failed' || info.status === 'cancelled') throw failedError(info);
      if (info.ram && info.ram.total > 0) progress(1 - info.ram.remaining / info.ram.total);
      if (performance.now() > deadline) throw lateError('for its memory to be written or read');
      await Promise.race([changed, delay(100, undefined, { ref: false }), qmp.closed]);
    }
  } finally {
    stopListening();
    signal.removeEventListener('abort', onAbort);
  }
}

const over = new Set(['none', 'completed', 'failed', 'cancelled']);

function failedError(info: MigrationInfo): NakhodaError {
  return new NakhodaError('hypervisor.failed', {
    message: `QEMU could not write or read the guest's memory: ${info['error-desc'] ?? `it is ${info.status ?? 'not at it'}`}`,
    hint: "QEMU's own words above say what it missed; its whole log is qemu.log in the VM's folder.",
  });
}

function lateError(what: string): NakhodaError {
  return new NakhodaError('hypervisor.timeout', {
    message: `QEMU took too long ${what}.`,
    hint: 'Look whether the storage is overloaded, or stop the VM by power-off.',
  });
}

import type { GuestAccess } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

/** MiB that a guest keeps beside what it needs now. */
const reserveMiB = 32;
const answerTimeoutMs = 15_000;

/**
 * Linux gives back all that is asked for down to its last free page, and then ends programs to go on. So a guest is asked
 * for memory only when it has said that it can spare it.
 * @throws NakhodaError `guest.refused` when it cannot, or nobody says
 */
export async function refuseToStarve(guest: Pick<GuestAccess, 'readFile'> | null, leavingMiB: number, signal: AbortSignal): Promise<void> {
  const spareMiB = parseAvailable(await readMeminfo(guest, signal));
  const refuse = (message: string, hint: string): never => {
    throw new NakhodaError('guest.refused', { message, hint });
  };
  if (spareMiB === null)
    refuse(
      'Nobody in the guest tells how much memory it can spare, so none is taken from it.',
      'Install the guest agent in it (Linux), or let the change wait for the next start.',
    );
  else if (leavingMiB > spareMiB - reserveMiB)
    refuse(
      `The guest can spare ${Math.max(0, spareMiB - reserveMiB)} MiB now, and ${leavingMiB} MiB were to go.`,
      'Stop what uses it in the guest, or let the change wait for the next start.',
    );
}

/** MemAvailable of /proc/meminfo (proc(5)), in whole MiB; null where that is not told. Pure. */
export function parseAvailable(meminfo: string): number | null {
  const kibibytes = /^MemAvailable:\s+(\d{1,15}) kB\s*$/m.exec(meminfo)?.[1];
  return kibibytes === undefined ? null : Math.floor(Number(kibibytes) / 1024);
}

async function readMeminfo(guest: Pick<GuestAccess, 'readFile'> | null, signal: AbortSignal): Promise<string> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
    const content = await guest?.readFile({ path: '/proc/meminfo', maxBytes: 16_384, signal: limit });
    return Buffer.from(content ?? []).toString('latin1');
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error) return '';
    throw error;
  }
}

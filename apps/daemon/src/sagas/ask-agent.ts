import { setTimeout as delay } from 'node:timers/promises';

import type { Driver, DriverContext } from '@nakhoda/driver';
import { toNakhodaError } from '@nakhoda/schema';

/** A guest that has not gone so many milliseconds after its power button was pressed may have no ear for it. */
const patienceMs = 20_000;

/**
 * Waits, and if it is not told to stop by then, asks the guest's agent to shut the guest down, once. For guests that
 * ignore the power button; one that is on its way down already loses nothing. Never throws.
 */
export async function askAgentLater(
  driver: Pick<Driver, 'guest'>,
  ctx: DriverContext,
  { vmid, signal, afterMs = patienceMs }: { vmid: number; signal: AbortSignal; afterMs?: number },
): Promise<void> {
  const { guest } = driver;
  if (!guest) return;
  try {
    await delay(afterMs, undefined, { signal });
    ctx.log(`The guest still runs ${afterMs / 1000} s after its power button was pressed, so its agent is asked, too.`);
    await guest.requestShutdown({ signal, log: (line) => ctx.log(line), progress: () => undefined }, { vmid });
  } catch (error) {
    if (!signal.aborted) ctx.log(`The agent was no help: ${toNakhodaError(error).message}`);
  }
}

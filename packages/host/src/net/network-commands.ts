import { NakhodaError } from '@nakhoda/schema';

import { exec } from '../exec.ts';
import type { HostContext } from './host-context.ts';

/**
 * Runs a network tool; gives its standard output.
 * @throws NakhodaError `network.failed` with the tool's own words, `exec.not-found`, `exec.timeout`.
 */
export async function runNetworkCommand(ctx: HostContext, argv: readonly string[], options: { input?: string } = {}): Promise<string> {
  try {
    return (await exec(argv, { signal: ctx.signal, timeoutMs: 10_000, ...options })).stdout;
  } catch (error) {
    if (!(error instanceof NakhodaError) || error.code !== 'exec.failed') throw error;
    const denied = /not permitted|permission denied/i.test(error.message);
    throw new NakhodaError('network.failed', {
      message: error.message,
      hint: denied ? 'Networks need root or CAP_NET_ADMIN; start the daemon as root.' : "The tool's own words above say what it missed.",
      ...(error.details === undefined ? {} : { details: error.details }),
      cause: error,
    });
  }
}

/** The same context for cleaning up after a failure or an abort, when the caller's signal may have fired already. */
export function undoContext(ctx: HostContext): HostContext {
  return { signal: new AbortController().signal, log: (line) => ctx.log(line) };
}

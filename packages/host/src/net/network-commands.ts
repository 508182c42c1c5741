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

/**
 * Runs commands of `ip`, in their order, up to the first that fails; more than one in a single program, which saves each
 * a start. None of the words may need quoting, which those that this package plans do not.
 * @throws NakhodaError as `runNetworkCommand`
 */
export async function runIpBatch(ctx: HostContext, commands: readonly (readonly string[])[]): Promise<void> {
  const [first] = commands;
  if (first === undefined) return;
  if (commands.length === 1) {
    await runNetworkCommand(ctx, first);
    return;
  }
  const lines = commands.map(([program, ...words]) => {
    if (program !== 'ip' || words.some((word) => !/^[\w:./-]+$/.test(word)))
      throw new TypeError(`No line for ip -batch: ${words.join(' ')}`);
    return `${words.join(' ')}\n`;
  });
  await runNetworkCommand(ctx, ['ip', '-batch', '-'], { input: lines.join('') });
}

/** The same context for cleaning up after a failure or an abort, when the caller's signal may have fired already. */
export function undoContext(ctx: HostContext): HostContext {
  return { signal: new AbortController().signal, log: (line) => ctx.log(line) };
}

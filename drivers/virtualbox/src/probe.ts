import type { DriverContext, ProbeResult } from '@nakhoda/driver';
import { toNakhodaError } from '@nakhoda/schema';

import { judgeHost } from './host-facts.ts';
import type { Parts } from './parts.ts';

/** See `Driver.probe`: the host's facts, and whether VBoxManage really answers. */
export async function probe(parts: Parts, ctx: DriverContext): Promise<ProbeResult> {
  const judged = judgeHost(parts.hostFacts());
  if (!judged.usable) return judged;
  try {
    const output = await parts.vbox.run(['--version'], { lanes: [], timeoutMs: 10_000, signal: ctx.signal, asks: true });
    const state = await parts.account.state();
    // Debian's VBoxManage prints warnings before it.
    const version = output.trim().split('\n').at(-1) ?? judged.version;
    if (state.kind === 'daemon') {
      const reasons = [...judged.reasons, `VirtualBox is not isolated, and runs as the daemon's user. ${state.reason}`];
      return { ...judged, version, reasons };
    }
    const runsAs = `VirtualBox runs as an account of its own, user ${state.identity.uid}, without capabilities.`;
    const { execution, reasons } = judged;
    // Among the reasons it would say that something is limited.
    if (reasons.length > 0 || execution === null) return { ...judged, version, reasons: [...reasons, runsAs] };
    return { ...judged, version, execution: { ...execution, reason: `${execution.reason} ${runsAs}` } };
  } catch (error) {
    ctx.signal.throwIfAborted();
    const { message } = toNakhodaError(error);
    return {
      usable: false,
      version: judged.version,
      execution: null,
      reasons: [`VBoxManage does not answer: ${message}`],
      remedy: 'Run `./nakhoda setup virtualbox` again.',
    };
  }
}

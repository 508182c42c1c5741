import type { DriverContext, ProbeResult } from '@nakhoda/driver';
import { toNakhodaError } from '@nakhoda/schema';

import type { AccountState } from './account.ts';
import { judgeHost } from './host-facts.ts';
import type { Parts } from './parts.ts';

/** See `Driver.probe`: the host's facts, and whether VBoxManage really answers. */
export async function probe(parts: Parts, ctx: DriverContext): Promise<ProbeResult> {
  const judged = judgeHost(parts.hostFacts());
  if (!judged.usable) return judged;
  try {
    const output = await parts.vbox.run(['--version'], { lanes: [], timeoutMs: 10_000, signal: ctx.signal });
    const reasons = [...judged.reasons, runsAs(await parts.account.state())];
    // Debian's VBoxManage prints warnings before it.
    return { ...judged, reasons, version: output.trim().split('\n').at(-1) ?? judged.version };
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

/** As whom VirtualBox's programs run. */
function runsAs(state: AccountState): string {
  if (state.kind === 'own') return `VirtualBox runs as an account of its own, user ${state.identity.uid}, without capabilities.`;
  return `VirtualBox is not isolated, and runs as the daemon's user. ${state.reason}`;
}

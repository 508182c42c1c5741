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
    // Debian's VBoxManage prints warnings before it.
    return { ...judged, version: output.trim().split('\n').at(-1) ?? judged.version };
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

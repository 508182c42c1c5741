import { type DriverContext, type KeyboardFacet, type KeyCombination, parseCombination, planText, scanCodes } from '@nakhoda/driver';
import { withKeyedLock } from '@nakhoda/host';

import type { Parts } from './parts.ts';
import { runPaths } from './run-paths.ts';
import { needRun } from './screen.ts';
import { withSecretArguments } from './secret-arguments.ts';
import { displayLane } from './vboxmanage.ts';

/**
 * Bytes for one call. VirtualBox waits for the guest's keyboard controller between them: some 12 ms a byte (7.2.22),
 * so that a call takes up to 5 s, and one that is cut short has typed whole keys.
 */
const bytesACall = 400;
const callTimeoutMs = 30_000;

/** See `KeyboardFacet`: scan codes through `VBoxManage controlvm`. */
export function createKeyboard(parts: Parts): KeyboardFacet {
  return {
    async sendKeys(ctx, { vmid, keys }) {
      await parts.machines.need(vmid);
      await press(parts, ctx, vmid, keys.map(parseCombination));
    },
    async typeText(ctx, { vmid, text }) {
      await parts.machines.need(vmid);
      await press(parts, ctx, vmid, planText(text));
    },
  };
}

async function press(parts: Parts, { signal }: DriverContext, vmid: number, combinations: readonly KeyCombination[]): Promise<void> {
  const { machine } = await needRun(parts, vmid);
  const { secretArguments } = runPaths(machine.spec.runtimeDirectory);
  // One text after another, each whole.
  await withKeyedLock(`keyboard of ${machine.uuid}`, async () => {
    for (const codes of inCalls(combinations)) {
      signal.throwIfAborted();
      const bytes = codes.map((code) => code.toString(16).padStart(2, '0'));
      const type = (args: readonly string[]): Promise<string> =>
        parts.vbox.run(args, { lanes: [displayLane(vmid)], timeoutMs: callTimeoutMs, signal });
      const args = ['controlvm', machine.uuid, 'keyboardputscancode', ...bytes];
      await withSecretArguments(secretArguments, args, type, (path) => parts.account.handOver(path));
    }
  });
}

/** The scan codes of whole combinations, in pieces for one call each. */
export function inCalls(combinations: readonly KeyCombination[]): number[][] {
  const calls: number[][] = [];
  for (const codes of combinations.map(scanCodes)) {
    const last = calls.at(-1);
    if (last !== undefined && last.length + codes.length <= bytesACall) last.push(...codes);
    else calls.push(codes);
  }
  return calls;
}

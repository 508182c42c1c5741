import { setTimeout as delay } from 'node:timers/promises';

import { type DriverContext, type KeyboardFacet, type KeyCombination, parseCombination, planText } from '@nakhoda/driver';
import { withKeyedLock } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { machinePaths } from './machine-paths.ts';
import type { Machine } from './machine.ts';
import { needQmp } from './need-qmp.ts';

/**
 * Milliseconds that QEMU waits after each key that goes down or up. Its PS/2 keyboard holds 16 bytes, one or two a key,
 * and silently drops the rest (hw/input/ps2.c): at this pace a guest may leave it unread for some 200 ms.
 */
const keyPaceMs = 20;

/** Keys through QMP's `send-key`, at a pace that QEMU's keyboard keeps up with. */
export function createKeyboardFacet(find: (vmid: number) => Promise<Machine>): KeyboardFacet {
  return {
    async sendKeys(ctx, { vmid, keys }) {
      await press(ctx, await find(vmid), keys.map(parseCombination));
    },
    async typeText(ctx, { vmid, text }) {
      await press(ctx, await find(vmid), planText(text));
    },
  };
}

async function press({ signal }: DriverContext, machine: Machine, combinations: readonly KeyCombination[]): Promise<void> {
  await withKeyedLock(`keyboard of ${machinePaths(machine.spec).qmpSocket}`, async () => {
    const qmp = await needQmp(machine);
    const { status } = await qmp.execute('query-status', {});
    // Its clock stands still, so that keys would pile up in QEMU until it drops them.
    if (status !== 'running') {
      throw new NakhodaError('guest.not-running', {
        message: `VM ${machine.spec.name} is paused (${status}), so nobody would read what is typed.`,
        hint: 'Let it go on first.',
      });
    }
    for (const combination of combinations) {
      signal.throwIfAborted();
      const keys = combination.map((data) => ({ type: 'qcode' as const, data }));
      await qmp.execute('send-key', { keys, 'hold-time': keyPaceMs });
      // QEMU answers at once and takes its time afterwards: as long for every press and every release.
      await delay(combination.length * 2 * keyPaceMs, undefined, { signal });
    }
  });
}

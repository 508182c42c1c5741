import { setTimeout as delay } from 'node:timers/promises';

import type { GuestFacet } from '@nakhoda/driver';
import { withKeyedLock } from '@nakhoda/host';
import { type FreezeState, NakhodaError, toNakhodaError } from '@nakhoda/schema';
import type { Store } from '@nakhoda/store';

import { type Hypervisors, quietContext } from './hypervisors.ts';
import type { Inventory } from './inventory.ts';

/** What the store keeps of a frozen guest, from before it is frozen until it is known to be thawed. */
interface FreezeRecord {
  vmid: number;
  thawBy: string;
}

const freezeKey = (vmid: number): string => `freezes/${String(vmid).padStart(9, '0')}`;

/** Guests whose file systems stand still. Each is thawed in the end, whoever has forgotten it: a frozen guest hangs at its next write. */
export interface Freezes {
  /**
   * Freezes the guest for at most so many seconds; one that is frozen already gets the new limit.
   * @throws NakhodaError as `GuestFacet.freeze`; the guest is then thawed, in the background if it must be
   */
  freeze(vmid: number, seconds: number): Promise<FreezeState>;
  /** @throws NakhodaError as `GuestFacet.thaw`; it is then tried again in the background */
  thaw(vmid: number): Promise<FreezeState>;
  /** Thaws in the background what an earlier daemon left frozen: whoever wanted it frozen is gone. */
  recover(): Promise<void>;
  /** Thaws what is frozen as far as the guests answer within 3 s; the next daemon does the rest. */
  close(): Promise<void>;
}

export function createFreezes(options: {
  store: Store;
  inventory: Pick<Inventory, 'byVmid' | 'view'>;
  hypervisors: Pick<Hypervisors, 'driver'>;
  log(line: string): void;
  /** First pause before another try to thaw, in milliseconds; each is twice the one before, up to 15 s. Default 1000. */
  firstPauseMs?: number;
}): Freezes {
  const { store, inventory, hypervisors, log } = options;
  /** Ends the wait for a guest's thaw. */
  const waits = new Map<number, AbortController>();
  const turn = <T>(vmid: number, work: () => Promise<T>): Promise<T> => withKeyedLock(freezeKey(vmid), work);
  let closed = false;

  const facet = (vmid: number): GuestFacet => {
    const record = inventory.byVmid(vmid);
    const guest = record && hypervisors.driver(record.spec.hypervisor).guest;
    if (guest) return guest;
    throw new NakhodaError('vm.unsupported', {
      message: `There is no way into the guest of VM ${vmid} on this host.`,
      hint: '`nakhoda host check` tells more.',
    });
  };

  const forget = async (vmid: number): Promise<void> => {
    waits.get(vmid)?.abort();
    waits.delete(vmid);
    await store.delete(freezeKey(vmid));
  };

  const thawNow = async (vmid: number, signal?: AbortSignal): Promise<number> => {
    const { fileSystems } = await facet(vmid).thaw(quietContext(log, signal), { vmid });
    await forget(vmid);
    return fileSystems;
  };

  /** After `ms` thaws the guest, again and again until it is thawed or has stopped. Replaces an earlier wait. */
  const thawLater = (vmid: number, ms: number): void => {
    waits.get(vmid)?.abort();
    const waiting = new AbortController();
    waits.set(vmid, waiting);
    const { signal } = waiting;
    const run = async (): Promise<void> => {
      let pauseMs = options.firstPauseMs ?? 1000;
      for (let wait = ms; ; wait = pauseMs, pauseMs = Math.min(pauseMs * 2, 15_000)) {
        await delay(wait, undefined, { signal, ref: false });
        const done = await turn(vmid, async () => {
          signal.throwIfAborted();
          // What is switched off is frozen no more; what is suspended, or cannot be seen, may be.
          const record = inventory.byVmid(vmid);
          const { state, suspended } = record ? inventory.view(record) : { state: 'stopped', suspended: false };
          if ((state === 'stopped' && !suspended) || state === 'crashed') return forget(vmid).then(() => true);
          return thawNow(vmid).then(
            () => true,
            (error: unknown) => {
              log(`thawing VM ${vmid}: ${toNakhodaError(error).message}`);
              return false;
            },
          );
        });
        if (done) return;
      }
    };
    run().catch((error: unknown) => {
      if (!signal.aborted) log(`thawing VM ${vmid} was given up: ${toNakhodaError(error).message}`);
    });
  };

  return {
    freeze: (vmid, seconds) =>
      turn(vmid, async () => {
        if (closed) throw stoppingError();
        const guest = facet(vmid);
        const thawBy = new Date(Date.now() + seconds * 1000).toISOString();
        await store.put(freezeKey(vmid), { vmid, thawBy } satisfies FreezeRecord);
        try {
          const { fileSystems } = await guest.freeze(quietContext(log), { vmid });
          thawLater(vmid, seconds * 1000);
          return { frozen: true, fileSystems, thawBy };
        } catch (error) {
          // Nobody was reached, so nothing stands still; anything else may have frozen a part.
          if (error instanceof NakhodaError && unreached.has(error.code) && !waits.has(vmid)) await forget(vmid);
          else thawLater(vmid, 0);
          throw error;
        }
      }),

    thaw: (vmid) =>
      turn(vmid, async () => {
        try {
          return { frozen: false, fileSystems: await thawNow(vmid), thawBy: null };
        } catch (error) {
          if (waits.has(vmid)) thawLater(vmid, options.firstPauseMs ?? 1000);
          throw error;
        }
      }),

    async recover() {
      for (const { value } of await store.list('freezes/')) thawLater((value as FreezeRecord).vmid, 0);
    },

    async close() {
      closed = true;
      const limit = AbortSignal.timeout(3_000);
      await Promise.all(
        [...waits].map(async ([vmid, waiting]) => {
          waiting.abort();
          await thawNow(vmid, limit).catch((error: unknown) => log(`VM ${vmid} stays frozen: ${toNakhodaError(error).message}`));
        }),
      );
    },
  };
}

const unreached: ReadonlySet<string> = new Set(['guest.no-agent', 'guest.not-running', 'vm.not-found', 'vm.unsupported']);

function stoppingError(): NakhodaError {
  return new NakhodaError('guest.refused', {
    message: 'The daemon is about to stop, so it freezes no guest.',
    hint: 'Try again when it is back.',
  });
}

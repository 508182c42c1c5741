import { setTimeout as delay } from 'node:timers/promises';

import { toNakhodaError } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { quietContext } from './hypervisors.ts';
import { type CrashHistory, planRestart } from './restart-plan.ts';

/** Does with crashed VMs what their crash policy says. */
export interface CrashRestarts {
  /** Looks at every VM; cheap, and harmless to repeat. */
  look(): void;
}

/**
 * @param signal ends the waiting restarts
 * @param now milliseconds on a clock that does not jump, whatever becomes of the host's
 */
export function createCrashRestarts(services: Services, signal: AbortSignal, now: () => number = () => performance.now()): CrashRestarts {
  const { inventory, engine, hypervisors, log } = services;
  const histories = new Map<number, CrashHistory>();
  const waiting = new Set<number>();

  /** Of what was killed nothing is left that could be kept: it stays crashed. */
  const isToBeKept = (vmid: number): boolean => {
    const crashed = inventory.state(vmid) === 'crashed' && inventory.status(vmid)?.standing === true;
    return crashed && inventory.byVmid(vmid)?.spec.crashPolicy === 'pause' && !engine.isLocked(`vm/${vmid}`);
  };
  const keep = async (vmid: number): Promise<void> => {
    const record = inventory.byVmid(vmid);
    if (!record) return;
    try {
      await hypervisors.driver(record.spec.hypervisor).crashes?.hold(quietContext(log, signal), { vmid });
    } finally {
      await inventory.refresh(vmid);
    }
  };

  const isDue = (vmid: number): boolean => {
    const record = inventory.byVmid(vmid);
    return record?.spec.crashPolicy === 'restart' && inventory.state(vmid) === 'crashed' && !engine.isLocked(`vm/${vmid}`);
  };

  const restart = async (vmid: number): Promise<void> => {
    const crashedAt = now();
    const { at, history } = planRestart(histories.get(vmid) ?? null, crashedAt);
    const pauseMs = at - crashedAt;
    if (pauseMs > 0) {
      log(`VM ${vmid} crashed; it is restarted in ${Math.round(pauseMs / 1000)} s`);
      await delay(pauseMs, undefined, { signal });
    }
    // Somebody may have started, stopped or changed it meanwhile.
    const record = inventory.byVmid(vmid);
    if (!record || !isDue(vmid)) return;
    histories.set(vmid, history);
    const { id } = await engine.start('vm.start', { vmid, name: record.spec.name }, { user: 'crash policy' });
    await engine.wait(id);
  };

  return {
    look() {
      for (const { spec } of inventory.records()) {
        const { vmid } = spec;
        const act = isToBeKept(vmid) ? keep : isDue(vmid) ? restart : null;
        if (act === null || waiting.has(vmid)) continue;
        waiting.add(vmid);
        act(vmid)
          .catch((error: unknown) => {
            if (!signal.aborted)
              log(`VM ${vmid} crashed, and could not be ${act === keep ? 'kept' : 'restarted'}: ${toNakhodaError(error).message}`);
          })
          .finally(() => waiting.delete(vmid));
      }
    },
  };
}

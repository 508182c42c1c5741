import type { QmpClient } from './qmp/qmp-client.ts';
import type { Pause } from './snapshot-tree.ts';

export interface PauseWatch extends Disposable {
  /** Does something that is a part of the pause, and notes how long it took. */
  part<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** The pause by QEMU's clock, once it is over. */
  result(reason: string | undefined): Promise<Pause>;
}

/** Watches a running guest that is about to be stopped and to go on, by QEMU's events STOP and RESUME. */
export function watchPause(qmp: QmpClient): PauseWatch {
  const parts: Pause['parts'] = [];
  const over = Promise.withResolvers<void>();
  let stopped: number | null = null;
  let resumed: number | null = null;
  const end = qmp.onEvent(({ event, at }) => {
    if (event === 'STOP') stopped ??= at;
    if (event !== 'RESUME' || stopped === null) return;
    resumed ??= at;
    over.resolve();
  });
  return {
    async part(what, work) {
      const since = performance.now();
      const result = await work();
      parts.push({ what, ms: Math.round((performance.now() - since) * 1000) / 1000 });
      return result;
    },
    async result(reason) {
      await Promise.race([over.promise, qmp.closed]);
      return {
        ms: Math.round(((resumed ?? stopped ?? 0) - (stopped ?? 0)) * 1000) / 1000,
        ...(reason === undefined ? {} : { reason }),
        parts,
      };
    },
    [Symbol.dispose]: end,
  };
}

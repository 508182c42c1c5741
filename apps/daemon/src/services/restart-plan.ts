/** What is remembered of a VM's crashes in a row. */
export interface CrashHistory {
  /** Restarts since the VM last ran for long enough. */
  restarts: number;
  /** When the last restart was ordered; milliseconds, on a clock that does not jump. */
  lastRestartAt: number;
}

/** The first pause before a restart; each further one is twice as long. */
const firstPauseMs = 1000;
const longestPauseMs = 5 * 60_000;
/** A VM that ran so long after its restart begins anew with the first pause. */
const goodRunMs = 10 * 60_000;

/**
 * When a crashed VM is to be restarted: at once the first time, then after longer and longer pauses. Pure.
 * @param history null when it has not been restarted since the daemon began
 * @param crashedAt when the crash was seen; milliseconds, on the same clock
 * @returns the time of the restart, and the history that it leaves
 */
export function planRestart(history: CrashHistory | null, crashedAt: number): { at: number; history: CrashHistory } {
  const fresh = history === null || crashedAt - history.lastRestartAt >= goodRunMs;
  const restarts = fresh ? 0 : history.restarts;
  const pauseMs = restarts === 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(restarts - 1, 30));
  const at = crashedAt + pauseMs;
  return { at, history: { restarts: restarts + 1, lastRestartAt: at } };
}

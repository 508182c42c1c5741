import type { ChildProcess } from 'node:child_process';

/** What a process does for the supervisors that it will need. */
export interface Standby {
  /** Starts one beforehand, unless one waits. It costs 1.3 MB, and ends when this process does. */
  keep(): void;
  /** The one that waits, for whoever tells it what to do; null when there is none. */
  take(): ChildProcess | null;
}

/**
 * Holds one supervisor ready: starting a program of a great process, and then perl, takes 5 to 8 ms, which a VM's start
 * need not wait for. `start` begins one with pipes at its standard input and output.
 */
export function createStandby(start: () => ChildProcess): Standby {
  let waiting: ChildProcess | null = null;
  const take = (): ChildProcess | null => {
    const child = waiting;
    waiting = null;
    return child;
  };
  return {
    take,
    keep() {
      if (waiting) return;
      const child = start();
      waiting = child;
      const gone = (): void => {
        if (waiting === child) waiting = null;
      };
      child.once('error', gone);
      child.once('exit', gone);
      // Whoever writes to one that has just ended is told by the end of its output.
      child.stdin?.on('error', () => undefined);
      child.unref();
      for (const stream of [child.stdin, child.stdout]) (stream as { unref?: () => void } | null)?.unref?.();
    },
  };
}

import { isIPv6 } from 'node:net';

import { NakhodaError } from '@nakhoda/schema';

/** Failures that cost nothing but the time of the hash: people mistype. */
const freeFailures = 5;
const longestDelayMs = 300_000;
const forgetAfterMs = 3_600_000;
const mostEntries = 10_000;

interface Entry {
  failures: number;
  lastAt: number;
}

/** Slows guessing down: after five failures for an address or a user each try waits twice as long as the one before, up to 5 minutes. */
export interface LoginLimiter {
  /**
   * Counts a try as failed, before its password is looked at, so that tries at the same time cannot slip through.
   * Throws `auth.rate-limited` when it comes too early; that try is not counted.
   */
  begin(attempt: { address: string; user: string }): void;
  /** Forgets the failures: the password was right. */
  succeed(attempt: { address: string; user: string }): void;
}

/** @param now milliseconds on a clock that does not go back */
export function createLoginLimiter(now: () => number = () => performance.now()): LoginLimiter {
  const entries = new Map<string, Entry>();
  const keysOf = ({ address, user }: { address: string; user: string }) => [`address ${networkOf(address)}`, `user ${user}`];
  return {
    begin(attempt) {
      const time = now();
      const keys = keysOf(attempt);
      const waitMs = Math.max(...keys.map((key) => remainingDelay(entries.get(key), time)));
      if (waitMs > 0) throw tooEarly(waitMs);
      for (const key of keys) {
        const known = entries.get(key);
        const failures = known === undefined || time - known.lastAt > forgetAfterMs ? 0 : known.failures;
        entries.delete(key);
        entries.set(key, { failures: failures + 1, lastAt: time });
      }
      while (entries.size > mostEntries) {
        const oldest = entries.keys().next();
        if (oldest.done === true) break;
        entries.delete(oldest.value);
      }
    },
    succeed(attempt) {
      for (const key of keysOf(attempt)) entries.delete(key);
    },
  };
}

function remainingDelay(entry: Entry | undefined, time: number): number {
  if (entry === undefined || entry.failures < freeFailures) return 0;
  const delay = Math.min(1000 * 2 ** (entry.failures - freeFailures), longestDelayMs);
  return Math.max(0, entry.lastAt + delay - time);
}

/** Whoever has one IPv6 address usually has its whole /64. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function tooEarly(waitMs: number): NakhodaError {
  const seconds = Math.ceil(waitMs / 1000);
  return new NakhodaError('auth.rate-limited', {
    message: 'There were too many failed logins from this address or for this user.',
    hint: `Wait ${seconds} s, then try again. On the host itself the command line works without a login.`,
    details: { retryAfterSeconds: seconds },
  });
}

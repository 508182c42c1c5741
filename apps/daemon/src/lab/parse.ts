/** What busybox's `ping` prints at its end. Times in milliseconds; null where no answer came. */
export interface PingResult {
  sent: number;
  received: number;
  rttMs: { min: number; average: number; max: number } | null;
}

/**
 * Reads the two closing lines of busybox's ping (networking/ping.c, print_stats_and_exit):
 * `4 packets transmitted, 4 packets received, 0% packet loss` and `round-trip min/avg/max = 1.2/3.4/5.6 ms`.
 * Null when the output is not ping's.
 */
export function parsePing(output: string): PingResult | null {
  const counts = /(\d+) packets transmitted, (\d+) packets received/u.exec(output);
  if (!counts) return null;
  const times = /round-trip min\/avg\/max = ([\d.]+)\/([\d.]+)\/([\d.]+) ms/u.exec(output);
  return {
    sent: Number(counts[1]),
    received: Number(counts[2]),
    rttMs: times ? { min: Number(times[1]), average: Number(times[2]), max: Number(times[3]) } : null,
  };
}

/** The hash in front of `sha256sum`'s line, or null. */
export function parseSha256(output: string): string | null {
  return /^([0-9a-f]{64})\s/u.exec(output.trim() + ' ')?.[1] ?? null;
}

/** What the tiny guest's load generator reports: units of work done in real seconds. */
export interface LoadResult {
  work: number;
  seconds: number;
  perSecond: number;
}

/** Reads the load generator's line of JSON, or null when it is not one. */
export function parseLoad(output: string): LoadResult | null {
  const line = output.trim().split('\n').at(-1) ?? '';
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const { work, seconds, perSecond } = value as Partial<Record<keyof LoadResult, unknown>>;
  if (typeof work !== 'number' || typeof seconds !== 'number' || typeof perSecond !== 'number') return null;
  return { work, seconds, perSecond };
}

/** The first field of /proc/uptime, in seconds. */
export function parseUptime(output: string): number | null {
  const value = Number.parseFloat(output);
  return Number.isFinite(value) ? value : null;
}

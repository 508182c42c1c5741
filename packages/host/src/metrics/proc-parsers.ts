/** CPU time of the host since boot, in clock ticks summed over all CPUs (proc_stat(5)). */
export interface CpuTicks {
  busy: number;
  total: number;
}

/** Reads /proc/stat. Waiting for disks counts as idle; guest time is part of user time already. */
export function parseCpuTicks(stat: string): CpuTicks {
  const line = stat.split('\n').find((text) => text.startsWith('cpu '));
  if (line === undefined) throw new TypeError('no cpu line in /proc/stat');
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait };
}

export interface MemoryBytes {
  total: number;
  /** What programs could still get without swapping. */
  available: number;
}

/** Reads /proc/meminfo, whose kB are 1024 bytes (proc_meminfo(5)). */
export function parseMemory(meminfo: string): MemoryBytes {
  const field = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo);
    if (!match) throw new TypeError(`no ${name} in /proc/meminfo`);
    return Number(match[1]) * 1024;
  };
  return { total: field('MemTotal'), available: field('MemAvailable') };
}

/** Runnable or disk-waiting tasks, averaged over 1, 5 and 15 minutes. */
export type LoadAverages = [oneMinute: number, fiveMinutes: number, fifteenMinutes: number];

/** Reads /proc/loadavg (proc_loadavg(5)). */
export function parseLoad(loadavg: string): LoadAverages {
  const [one = Number.NaN, five = Number.NaN, fifteen = Number.NaN] = loadavg.split(' ').map(Number);
  return [one, five, fifteen];
}

/** CPU time that a process has used, in clock ticks, its threads and reaped children included; fields 14 to 17 of /proc/PID/stat. */
export function parseProcessTicks(stat: string): number {
  // The second field is the program's name in parentheses and may hold anything, parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

/** Physical memory that a process uses, in bytes: VmRSS of /proc/PID/status; 0 for a kernel thread or zombie. */
export function parseRssBytes(status: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match ? Number(match[1]) * 1024 : 0;
}

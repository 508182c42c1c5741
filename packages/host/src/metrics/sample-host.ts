import { readFile } from 'node:fs/promises';

import { exec } from '../exec.ts';
import type { LoadAverages, MemoryBytes } from './proc-parsers.ts';
import { parseCpuTicks, parseLoad, parseMemory, parseProcessTicks, parseRssBytes } from './proc-parsers.ts';

/** The host at one instant. Two of them make a rate. */
export interface HostReading {
  /** Milliseconds of a clock that never goes back. */
  atMs: number;
  cpu: { busy: number; total: number };
  memory: MemoryBytes;
  load: LoadAverages;
}

/** The host over some time. */
export interface HostSample {
  seconds: number;
  /** Share of all CPUs' time in use, 0 to 100. */
  cpuPercent: number;
  /** CPU time used, in seconds, over all CPUs. */
  cpuSeconds: number;
  /** At the end. */
  memoryUsedBytes: number;
  memoryTotalBytes: number;
  /** Averages of 1, 5 and 15 minutes, at the end. */
  load: LoadAverages;
}

/** A process at one instant. */
export interface ProcessReading {
  atMs: number;
  /** CPU time since it began, its reaped children included. */
  cpuSeconds: number;
  rssBytes: number;
}

/** A process over some time. */
export interface ProcessSample {
  seconds: number;
  cpuSeconds: number;
  /** Of one CPU: a process with several threads can be above 100. */
  cpuPercent: number;
  /** At the end. */
  rssBytes: number;
}

/** USER_HZ, the unit of CPU times in /proc: 100 on x86. */
let ticksPerSecond: Promise<number> | undefined;
function readTicksPerSecond(): Promise<number> {
  ticksPerSecond ??= exec(['getconf', 'CLK_TCK']).then(({ stdout }) => Number(stdout));
  return ticksPerSecond;
}

export async function sampleHost(): Promise<HostReading> {
  const [stat, meminfo, loadavg] = await Promise.all(['stat', 'meminfo', 'loadavg'].map((name) => readFile(`/proc/${name}`, 'utf8')));
  return { atMs: performance.now(), cpu: parseCpuTicks(stat ?? ''), memory: parseMemory(meminfo ?? ''), load: parseLoad(loadavg ?? '') };
}

/** Null when there is no such process (any more). */
export async function sampleProcess(pid: number): Promise<ProcessReading | null> {
  const hertz = await readTicksPerSecond();
  try {
    const [stat, status] = await Promise.all(['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')));
    return { atMs: performance.now(), cpuSeconds: parseProcessTicks(stat ?? '') / hertz, rssBytes: parseRssBytes(status ?? '') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

/** What happened between two readings of the host. @param hertz clock ticks per second */
export function hostSampleBetween(before: HostReading, after: HostReading, hertz: number): HostSample {
  const total = after.cpu.total - before.cpu.total;
  const busy = after.cpu.busy - before.cpu.busy;
  return {
    seconds: round((after.atMs - before.atMs) / 1000),
    cpuPercent: total <= 0 ? 0 : round((busy / total) * 100),
    cpuSeconds: round(busy / hertz),
    memoryUsedBytes: after.memory.total - after.memory.available,
    memoryTotalBytes: after.memory.total,
    load: after.load,
  };
}

/** What a process used between two readings of it. */
export function processSampleBetween(before: ProcessReading, after: ProcessReading): ProcessSample {
  const seconds = (after.atMs - before.atMs) / 1000;
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  return {
    seconds: round(seconds),
    cpuSeconds: round(cpuSeconds),
    cpuPercent: seconds <= 0 ? 0 : round((cpuSeconds / seconds) * 100),
    rssBytes: after.rssBytes,
  };
}

/** Does some work and tells what the host did meanwhile. */
export async function sampleHostWhile<T>(work: () => Promise<T>): Promise<{ value: T; sample: HostSample }> {
  const hertz = await readTicksPerSecond();
  const before = await sampleHost();
  const value = await work();
  return { value, sample: hostSampleBetween(before, await sampleHost(), hertz) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

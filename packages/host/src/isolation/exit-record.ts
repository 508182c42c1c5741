import { constants as fileFlags } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';

import type { ProcessRef } from '../process.ts';

/** How a supervised program ended. */
export interface ExitRecord {
  pid: number;
  /** Null when a signal ended it. */
  exitCode: number | null;
  signal: number | null;
  /** Seconds since 1970. */
  at: number;
}

/** What the supervisor wrote about this process's end; null when it wrote nothing, because it was killed itself, or about another. */
export async function readExit(path: string, process: ProcessRef): Promise<ExitRecord | null> {
  try {
    await using file = await open(path, fileFlags.O_RDONLY | fileFlags.O_NOFOLLOW | fileFlags.O_NONBLOCK);
    const record = JSON.parse(await file.readFile('utf8')) as ExitRecord;
    return record.pid === process.pid ? record : null;
  } catch {
    return null;
  }
}

/** The end of a process in words that go on after its name: `was killed by signal 9 (SIGKILL)`. */
export function describeExit({ exitCode, signal }: ExitRecord): string {
  if (signal === null) return `ended with exit code ${exitCode ?? '?'}`;
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return `was killed by signal ${signal}${name === undefined ? '' : ` (${name})`}${signalHint(signal)}`;
}

function signalHint(signal: number): string {
  if (signal === constants.signals.SIGSYS) return ', because its sandbox does not allow a call that it made';
  if (signal === constants.signals.SIGKILL) return ': by somebody, or by the kernel for want of memory';
  return '';
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The last complaint about a medium that VirtualBox's service logged after the first `offset` bytes of its log;
 * null when there is none. A start that fails before the machine's own log has begun is explained only there
 * (7.2.22: an image whose UUID is not the registered one). Other complaints in it are part of every run.
 */
export async function findServiceComplaint(userHome: string, offset: number): Promise<string | null> {
  const log = await readFile(join(userHome, 'VBoxSVC.log')).catch(() => null);
  if (log === null) return null;
  // A log shorter than it was is a new one: the service was started again.
  const lines = log
    .subarray(log.length < offset ? 0 : offset)
    .toString('utf8')
    .split('\n');
  const complaint = lines.findLast((line) => / ERROR \[COM\]: .*aComponent=\{MediumWrap\}/.test(line));
  return /aText=\{(.*)\}, preserve=/.exec(complaint ?? '')?.[1] ?? null;
}

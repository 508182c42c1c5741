import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The last complaint about a medium that VirtualBox's service logged after the first `offset` bytes of its log;
 * null when there is none. A start that fails before the machine's own log has begun is explained only there
 * (7.2.22: an image that is gone, or whose UUID is another one). Other complaints in it are part of every run.
 */
export async function findServiceComplaint(userHome: string, offset: number): Promise<string | null> {
  const log = await readFile(join(userHome, 'VBoxSVC.log')).catch(() => null);
  if (log === null) return null;
  // A log shorter than it was is a new one: the service was started again.
  const text = log.subarray(log.length < offset ? 0 : offset).toString('utf8');
  const complaints = text.matchAll(
    / ERROR \[COM\]: [^\n]*aComponent=\{MediumWrap\} aText=\{((?:(?! ERROR \[COM\]: )[\s\S])*?)\}, preserve=/g,
  );
  const words = [...complaints].at(-1)?.[1];
  // Every further line begins with the time and the thread.
  return words?.replace(/\n\d+:\d\d:\d\d\.\d{6} \S+ +/g, ' ') ?? null;
}

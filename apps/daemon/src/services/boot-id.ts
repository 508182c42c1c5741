import { readFile } from 'node:fs/promises';

/** The kernel's name for the present run of the host (random(4)). */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

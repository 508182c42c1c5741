import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { isAlive, processArgv, type ProcessRef, processRef } from '@nakhoda/host';

/** Bytes at the beginning of the service's log that hold what it says of itself (7.2.22: 800). */
const headBytes = 4096;
const lookEveryMs = 250;

/** How long what was under way is still waited for when the service has died: what hangs on it waits for ever. Milliseconds. */
export const orphanedMs = 3_000;

/**
 * VirtualBox's service (VBoxSVC) of a registry; null when none runs. Its log, which a new one begins anew, names its
 * process in the first lines.
 */
async function findService(userHome: string): Promise<ProcessRef | null> {
  const pid = servicePid(await readHead(join(userHome, 'VBoxSVC.log')));
  if (pid === null) return null;
  const process = processRef(pid);
  // The number may be another program's by now.
  const argv = process ? processArgv(pid) : null;
  return argv?.some((argument) => argument.endsWith('/VBoxSVC')) ? process : null;
}

/** Notices that the service which ran when something began, or came soon after, has ended. Asked often, it looks seldom. */
export class ServiceWatch {
  readonly #userHome: string;
  #service: ProcessRef | null = null;
  #lookedAt = -Infinity;
  #goneAt: number | null = null;

  constructor(userHome: string) {
    this.#userHome = userHome;
  }

  /** Milliseconds since its end was noticed; 0 as long as it runs, and while none has been seen. */
  async goneForMs(): Promise<number> {
    const now = performance.now();
    if (now - this.#lookedAt > lookEveryMs) {
      this.#lookedAt = now;
      this.#service ??= await findService(this.#userHome);
      if (this.#service && !isAlive(this.#service)) this.#goneAt ??= now;
    }
    return this.#goneAt === null ? 0 : now - this.#goneAt;
  }
}

/** The process id in the head of the service's log. Pure. */
export function servicePid(head: string): number | null {
  const pid = /^\S+ main +Process ID: (\d+)$/m.exec(head)?.[1];
  return pid === undefined ? null : Number(pid);
}

async function readHead(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

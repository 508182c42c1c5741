import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const mostTries = 10;
const pauseMs = 10;

/**
 * What files say, parsed again only when they changed: looking at an unchanged file costs one `stat`.
 * VirtualBox replaces its XML files by a rename that leaves a gap of an instant, so a file that was there
 * and is gone is looked for again, for a tenth of a second.
 */
export class FileCache<T> {
  readonly #parse: (text: string) => T;
  readonly #entries = new Map<string, { stamp: string; value: T }>();

  constructor(parse: (text: string) => T) {
    this.#parse = parse;
  }

  /** The file's parsed content, or null when there is no such file. */
  async read(path: string): Promise<T | null> {
    for (let tries = 1; ; tries += 1) {
      const stamp = await fileStamp(path);
      const known = this.#entries.get(path);
      if (stamp !== null) {
        if (known?.stamp === stamp) return known.value;
        const text = await readIfThere(path);
        if (text !== null) {
          const value = this.#parse(text);
          this.#entries.set(path, { stamp, value });
          return value;
        }
      }
      // What was there a moment ago is in the gap, or gone for good; an old value would hide what has just been written.
      if (known === undefined || tries === mostTries) {
        this.#entries.delete(path);
        return null;
      }
      await delay(pauseMs);
    }
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What tells one state of a file from another; null when there is none. */
export async function fileStamp(path: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

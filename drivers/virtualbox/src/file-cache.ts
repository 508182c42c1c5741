import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What files say, parsed again only when they changed: looking at an unchanged file costs one `stat`.
 * VirtualBox replaces its XML files by a rename that leaves a gap of an instant, so a file that was there
 * and is gone is looked for once more.
 */
export class FileCache<T> {
  readonly #parse: (text: string) => T;
  readonly #entries = new Map<string, { stamp: string; value: T }>();

  constructor(parse: (text: string) => T) {
    this.#parse = parse;
  }

  /** The file's parsed content, or null when there is no such file. */
  async read(path: string): Promise<T | null> {
    const known = this.#entries.get(path);
    let stamp = await fileStamp(path);
    if (stamp === null && known) {
      await delay(50);
      stamp = await fileStamp(path);
    }
    if (stamp === null) {
      this.#entries.delete(path);
      return null;
    }
    if (known?.stamp === stamp) return known.value;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return known?.value ?? null;
      throw error;
    }
    const value = this.#parse(text);
    this.#entries.set(path, { stamp, value });
    return value;
  }
}

async function fileStamp(path: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

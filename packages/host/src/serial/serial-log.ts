import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/**
 * An append-only file that is renamed to `<path>.1` when it is full, so that two files' worth is kept at most.
 * Synchronous: a serial port gives some kilobytes a second, and order matters more than speed.
 * A log that cannot be written is given up silently; a full disk must not end anybody's console.
 */
export class SerialLog {
  readonly #path: string;
  readonly #maxBytes: number;
  #file: number | null = null;
  #size = 0;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#attempt(() => this.#open());
  }

  append(data: Uint8Array): void {
    this.#attempt(() => {
      const full = this.#size > 0 && this.#size + data.length > this.#maxBytes;
      if (this.#file !== null && full) {
        this.close();
        renameSync(this.#path, `${this.#path}.1`);
        this.#open();
      }
      if (this.#file === null) return;
      writeSync(this.#file, data);
      this.#size += data.length;
    });
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #open(): void {
    // The hypervisor may make files in that folder, links too.
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    this.#file = openSync(this.#path, flags, 0o600);
    this.#size = fstatSync(this.#file).size;
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch {
      this.close();
    }
  }
}

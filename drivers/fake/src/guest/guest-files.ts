import { posix } from 'node:path';

/** Absolute path to content in base64, or to null for a folder. Plain JSON. */
export type Files = Record<string, string | null>;

/** Where the guest mounts its disk. */
export const dataFolder = '/data';

/** What a program of the guest prints when a file cannot be had; the words are Linux's. */
export class GuestFileError extends Error {}

/** A freshly booted root with these files in it. */
export function newFiles(contents: Record<string, string>): Files {
  const files: Files = { '/': null };
  for (const folder of ['/bin', '/etc', '/proc', '/root', '/run', '/tmp']) files[folder] = null;
  for (const [path, content] of Object.entries(contents)) {
    for (let folder = posix.dirname(path); folder !== '/'; folder = posix.dirname(folder)) files[folder] = null;
    files[path] = Buffer.from(content).toString('base64');
  }
  return files;
}

/** A guest's files: those on its disk and those in its memory, as one tree. */
export class GuestFiles {
  readonly #disk: Files;
  readonly #memory: Files;

  constructor(disk: Files, memory: Files) {
    this.#disk = disk;
    this.#memory = memory;
  }

  #part(path: string): Files {
    return path === dataFolder || path.startsWith(`${dataFolder}/`) ? this.#disk : this.#memory;
  }

  #node(path: string): string | null | undefined {
    return this.#part(path)[path];
  }

  isFolder(path: string): boolean {
    return this.#node(path) === null;
  }

  exists(path: string): boolean {
    return this.#node(path) !== undefined;
  }

  read(path: string): Buffer {
    const node = this.#node(path);
    if (node === undefined) throw new GuestFileError('No such file or directory');
    if (node === null) throw new GuestFileError('Is a directory');
    return Buffer.from(node, 'base64');
  }

  /** Replaces the file, or adds to its end. */
  write(path: string, data: Uint8Array, options: { append?: boolean } = {}): void {
    if (this.isFolder(path)) throw new GuestFileError('Is a directory');
    this.#needFolder(posix.dirname(path));
    const before = options.append && this.exists(path) ? [this.read(path)] : [];
    this.#part(path)[path] = Buffer.concat([...before, data]).toString('base64');
  }

  makeFolder(path: string): void {
    if (this.exists(path)) throw new GuestFileError('File exists');
    this.#needFolder(posix.dirname(path));
    this.#part(path)[path] = null;
  }

  /** Removes a file, or a folder with all that is in it. */
  remove(path: string): void {
    if (!this.exists(path)) throw new GuestFileError('No such file or directory');
    if (path === '/' || path === dataFolder) throw new GuestFileError('Device or resource busy');
    for (const part of [this.#disk, this.#memory]) {
      for (const entry of Object.keys(part)) if (entry === path || entry.startsWith(`${path}/`)) delete part[entry];
    }
  }

  /** Names in a folder, sorted. */
  list(path: string): string[] {
    if (!this.isFolder(path)) throw new GuestFileError(this.exists(path) ? 'Not a directory' : 'No such file or directory');
    const all = [...Object.keys(this.#disk), ...Object.keys(this.#memory)];
    return all
      .filter((entry) => entry !== '/' && posix.dirname(entry) === path)
      .map((entry) => posix.basename(entry))
      .toSorted();
  }

  #needFolder(path: string): void {
    if (!this.exists(path)) throw new GuestFileError('No such file or directory');
    if (!this.isFolder(path)) throw new GuestFileError('Not a directory');
  }
}

import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename } from 'node:path';

/** A folder to be told of, and which of the names in it matter. */
export interface WatchedFolder {
  path: string;
  matters(name: string): boolean;
}

interface Watch {
  watcher: FSWatcher;
  inode: number;
}

/**
 * Has the kernel announce changes in folders (inotify). Folders, not files, are watched: VirtualBox replaces its files by
 * renaming, which a watch on the file itself would not outlive, and on overlayfs such a watch would stay with the lower copy.
 */
export class FolderWatches {
  /** Owner of a set of folders, to the watches by path. */
  readonly #owners = new Map<string, Map<string, Watch>>();
  readonly #changed: (owner: string, name: string) => void;
  #failure: string | null = null;

  /** @param changed told of the owner whose folder a name that matters changed in */
  constructor(changed: (owner: string, name: string) => void) {
    this.#changed = changed;
  }

  /** Why the kernel would not watch a folder; null as long as it watches all. */
  get failure(): string | null {
    return this.#failure;
  }

  /**
   * Watches these folders for the owner and no others. One that does not exist (yet) is left out until the next call.
   * @returns true when a watch was added: what changed just before it was not announced
   */
  want(owner: string, folders: readonly WatchedFolder[]): boolean {
    const watches = this.#owners.get(owner) ?? new Map<string, Watch>();
    this.#owners.set(owner, watches);
    let added = false;
    for (const path of watches.keys()) if (!folders.some((folder) => folder.path === path)) this.#drop(watches, path);
    for (const folder of folders) {
      const inode = inodeOf(folder.path);
      // Somebody may have put another folder in its place.
      if (watches.get(folder.path)?.inode !== inode) this.#drop(watches, folder.path);
      if (inode === null || watches.has(folder.path)) continue;
      this.#add(owner, watches, folder, inode);
      added = true;
    }
    if (watches.size === 0) this.#owners.delete(owner);
    return added;
  }

  close(): void {
    for (const owner of [...this.#owners.keys()]) this.want(owner, []);
  }

  #drop(watches: Map<string, Watch>, path: string): void {
    watches.get(path)?.watcher.close();
    watches.delete(path);
  }

  #add(owner: string, watches: Map<string, Watch>, { path, matters }: WatchedFolder, inode: number): void {
    const onFailure = (error: Error): void => {
      this.#failure = error.message;
      this.#drop(watches, path);
    };
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        // Without a name, or with the folder's own, it is the folder itself that went or changed.
        if (name === null || name === basename(path) || matters(name)) this.#changed(owner, name ?? '');
      });
      watcher.on('error', onFailure);
      watches.set(path, { watcher, inode });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      onFailure(error as Error);
    }
  }
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { exec, processArgv, processRef, type VirtualBoxRuntime, writeFileAtomic } from '@nakhoda/host';

import { settingsOf } from './open-programs.ts';

/**
 * The folders of adopted VMs, which the isolated run time does not see by itself. Kept in a file, for every program of
 * VirtualBox needs the same ones, from the first on after the daemon's start.
 */
export class AdoptedFolders {
  readonly #path: string;
  readonly #userHome: string;
  readonly #runtime: VirtualBoxRuntime | null;
  #byVmid: Record<string, string[]>;

  constructor(userHome: string, runtime: VirtualBoxRuntime | null) {
    this.#path = join(userHome, 'adopted-folders.json');
    this.#userHome = userHome;
    this.#runtime = runtime;
    this.#byVmid = readKept(this.#path);
  }

  /** Those that are there: one that is gone must not keep all other VMs from starting. */
  present(): string[] {
    return [...new Set(Object.values(this.#byVmid).flat())].filter((folder) => existsSync(folder)).toSorted();
  }

  /** Shows the folders from now on, also to the service that runs already. */
  async add(vmid: number, folders: readonly string[]): Promise<void> {
    this.#byVmid = { ...this.#byVmid, [vmid]: [...folders] };
    await this.#keep();
    if (this.#runtime?.kind !== 'isolated' || this.#runtime.root === null) return;
    const { root } = this.#runtime;
    for (const pid of await this.#services()) {
      await this.#showTo(pid, folders, root).catch((error: unknown) => {
        // One that has ended meanwhile is followed by one that sees them.
        if (processRef(pid) !== null) throw error;
      });
    }
  }

  async remove(vmid: number): Promise<void> {
    const { [vmid]: _gone, ...rest } = this.#byVmid;
    this.#byVmid = rest;
    await this.#keep();
  }

  async #keep(): Promise<void> {
    await writeFileAtomic(this.#path, JSON.stringify(this.#byVmid, null, 2));
  }

  /** The service keeps the mounts of the program that started it, so they are added in its namespace. */
  async #showTo(pid: number, folders: readonly string[], root: string): Promise<void> {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
    // Blanks and the like are written as octal numbers there.
    const places = mounts.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
    const enter = [
      'nsenter',
      '--target',
      String(pid),
      '--mount',
      ...(this.#runtime?.userNamespace === true ? ['--user', '--preserve-credentials'] : []),
    ];
    for (const folder of folders) {
      const inside = root + folder;
      if (places.includes(inside)) continue;
      await exec([...enter, 'mkdir', '-p', inside], { timeoutMs: 10_000 });
      await exec([...enter, 'mount', '--rbind', folder, inside], { timeoutMs: 10_000 });
    }
  }

  /** Our own service; as long as one of its clients lives there is one. */
  async #services(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const found: number[] = [];
    for (const pid of pids) {
      if (basename(processArgv(pid)?.[0] ?? '') !== 'VBoxSVC') continue;
      if ((await settingsOf(pid))?.includes(this.#userHome)) found.push(pid);
    }
    return found;
  }
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\(\d{3})/gu, (_all, code: string) => String.fromCodePoint(Number.parseInt(code, 8)));
}

function readKept(path: string): Record<string, string[]> {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, string[]>;
  } catch {
    // None was ever adopted.
    return {};
  }
}

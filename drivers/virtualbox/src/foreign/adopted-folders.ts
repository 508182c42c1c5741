import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { exec, lendToArgv, type PathPair, processArgv, processRef, type VirtualBoxRuntime, waitFor, writeFileAtomic } from '@nakhoda/host';

import type { Account } from '../account.ts';
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
  async add(vmid: number, folders: readonly string[], account: Account): Promise<void> {
    this.#byVmid = { ...this.#byVmid, [vmid]: [...folders] };
    await this.#keep();
    const state = await account.state();
    if (state.kind === 'own') {
      for (const pid of await this.#programs()) await unlessEnded(pid, this.#lendTo(pid, account.adoptedPairs(folders, state.identity)));
      return;
    }
    if (this.#runtime?.kind !== 'isolated' || this.#runtime.root === null) return;
    const { root } = this.#runtime;
    for (const pid of await this.#programs()) {
      await unlessEnded(pid, this.#showTo(pid, folders, root));
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

  /** A service with an account of its own has a file system of its own, too. */
  async #lendTo(pid: number, pairs: readonly PathPair[]): Promise<void> {
    const places = await mountPlaces(pid);
    const missing = pairs.filter(({ path }) => !places.includes(path));
    if (missing.length > 0) await exec(lendToArgv(pid, missing), { timeoutMs: 10_000 });
  }

  /** The service keeps the mounts of the program that started it, so they are added in its namespace. */
  async #showTo(pid: number, folders: readonly string[], root: string): Promise<void> {
    const places = await mountPlaces(pid);
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

  /**
   * Our own service, and whatever may be about to start it: a service has the view of the program that started it, so one
   * that VBoxManage brings up a moment after this would know nothing of the folders.
   */
  async #programs(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const found: number[] = [];
    for (const pid of pids) {
      if (!awaited.has(programOf(pid)) || !(await settingsOf(pid))?.includes(this.#userHome)) continue;
      // Still in the making of its view, which takes some milliseconds; what is mounted before that is over is not kept.
      await waitFor(() => !enterers.has(programOf(pid)), { timeoutMs: 5000, pollMs: 5 });
      if (lasting.has(programOf(pid))) found.push(pid);
    }
    return found;
  }
}

const lasting = new Set(['VBoxSVC', 'VBoxManage']);
/** What a program of VirtualBox is before it has its view: see `accountArgv` and the isolated run time's way in. */
const enterers = new Set(['perl', 'unshare', 'sh']);
const awaited = new Set([...lasting, ...enterers]);

function programOf(pid: number): string {
  return basename(processArgv(pid)?.[0] ?? '');
}

/** One that has ended meanwhile is followed by one that sees them. */
async function unlessEnded(pid: number, work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (processRef(pid) !== null) throw error;
  });
}

async function mountPlaces(pid: number): Promise<string[]> {
  const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
  // Blanks and the like are written as octal numbers there.
  return mounts.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
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

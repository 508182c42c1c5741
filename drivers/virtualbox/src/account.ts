import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { lchown, readFile, rm, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import {
  type AccountFacts,
  accountArgv,
  exec,
  groupNumber,
  type PathPair,
  probeIsolation,
  readAccountFacts,
  runtimeArgv,
  type VirtualBoxRuntime,
  virtualBoxIdentity,
  virtualBoxPrograms,
  type VmIdentity,
  whyNoProcesses,
} from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { prepareMachine, takeOverFolder } from './account-files.ts';
import { type AccountPlaces, accountPlaces, makePlaces } from './account-places.ts';
import { type FormerProgram, formerPrograms } from './former-programs.ts';

/** Which account, and what of the host's files its programs get to. */
export interface AccountOptions {
  /** Whose VMs they are; see `networkOwner`. */
  owner: string;
  /** Absolute folders in which VMs have theirs, of whichever hypervisor: owners and modes in them decide. Made where they are missing. */
  lend: readonly string[];
  /** Absolute folders with CD images, which every VM may read. */
  show: readonly string[];
}

/** As whom VirtualBox's programs run: an account of their own, or whoever the daemon is, and why. Whole sentences. */
export type AccountState = { kind: 'own'; identity: VmIdentity } | { kind: 'daemon'; reason: string };

/** The kernel driver's devices. One is root's, and the hardened programs open it before they become the user. */
const devices = new Map<string, 'root' | 'account'>([
  ['/dev/vboxdrv', 'root'],
  ['/dev/vboxdrvu', 'account'],
  ['/dev/vboxnetctl', 'root'],
]);

/** How long nothing may have been started as the daemon's user before the account takes over, in milliseconds. */
const handOverPauseMs = 2000;

/**
 * Runs VirtualBox's programs. Where the daemon is root they are an account of their own, without capabilities, in a file system
 * of their own: one account for all VMs, for VirtualBox's service, its registry and its list of media are one. What decides what
 * the daemon does (records, logs) stays root's, in folders in which the account can replace nothing of it.
 */
export class Account {
  readonly #userHome: string;
  readonly #runtime: VirtualBoxRuntime;
  readonly #options: AccountOptions | null;
  /** What programs see in a run time of its own while they are the daemon's user. */
  readonly #binds: () => readonly string[];
  /** Folders of adopted VMs. */
  readonly #adopted: () => readonly string[];
  readonly #env: Record<string, string>;
  #settled: AccountState | null = null;
  #deciding: Promise<AccountState> | null = null;
  #probe: ReturnType<typeof probeIsolation> | null = null;
  #facts: Promise<AccountFacts> | null = null;
  #groups: Promise<number[]> | null = null;
  #startedAsDaemonAt = -Infinity;
  readonly #places: AccountPlaces;
  readonly #setUid = new Map<string, Promise<boolean>>();

  constructor(options: {
    userHome: string;
    runtime: VirtualBoxRuntime;
    account: AccountOptions | null;
    binds: () => readonly string[];
    adopted: () => readonly string[];
    env: Record<string, string>;
  }) {
    this.#userHome = options.userHome;
    this.#runtime = options.runtime;
    this.#options = options.account;
    this.#binds = options.binds;
    this.#adopted = options.adopted;
    this.#env = options.env;
    this.#places = accountPlaces(options.userHome);
  }

  /**
   * As whom the next program will run. What was started as another user has ended before the account takes over.
   * @throws NakhodaError `hypervisor.unusable` when it can be neither: programs of the account run, and no more may be started
   */
  async state(): Promise<AccountState> {
    if (this.#settled) return this.#settled;
    this.#deciding ??= this.#decide().finally(() => {
      this.#deciding = null;
    });
    return this.#deciding;
  }

  /** The full command for a program of the run time, by its absolute path there. */
  async command(program: string, args: readonly string[]): Promise<string[]> {
    const state = await this.state();
    if (state.kind === 'own') return this.#ownCommand(state.identity, program, args);
    this.#startedAsDaemonAt = performance.now();
    return runtimeArgv(this.#runtime, { binds: this.#binds() }, [program, ...args]);
  }

  /** Whose files of a VM are to be: the account's, or the daemon's. */
  async fileOwner(): Promise<VmIdentity> {
    const state = await this.state();
    return state.kind === 'own' ? state.identity : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  }

  /** Gives a VM's folders, and what was made in them for VirtualBox, to the account. Idempotent; some file reads. */
  async prepare(spec: Pick<MachineSpec, 'vmid' | 'directory' | 'runtimeDirectory' | 'cdrom'>): Promise<void> {
    const state = await this.state();
    if (state.kind === 'daemon') return;
    await prepareMachine(spec, state.identity);
  }

  /** Gives one file or folder that was just made for VirtualBox to the account. */
  async handOver(path: string): Promise<void> {
    const state = await this.state();
    if (state.kind === 'own') await lchown(path, state.identity.uid, state.identity.gid);
  }

  /** What a view gets of the folders of adopted VMs: all of those that are the account's, and of others its files alone. */
  adoptedPairs(folders: readonly string[], { uid }: VmIdentity): PathPair[] {
    return folders.flatMap((folder) => {
      const source = realpathSync(folder);
      if (lstatSync(source).uid === uid) return [{ source, path: folder }];
      const files = readdirSync(source).filter((name) => {
        const found = lstatSync(join(source, name), { throwIfNoEntry: false });
        return found?.isFile() === true && found.uid === uid;
      });
      return files.map((name) => ({ source: join(source, name), path: join(folder, name) }));
    });
  }

  async #decide(): Promise<AccountState> {
    const { owner } = this.#options ?? { owner: null };
    const identity = owner === null ? null : virtualBoxIdentity(owner);
    const probed = identity === null ? { ok: false as const, reason: 'Isolation is switched off.' } : await this.#try(identity);
    const others = await formerPrograms(this.#userHome);
    if (identity === null || !probed.ok) {
      const own = others.find(({ isAccount }) => isAccount);
      if (own) throw stillIsolated(own, probed.ok ? '' : probed.reason);
      await rm(this.#places.mark, { force: true });
      return (this.#settled = { kind: 'daemon', reason: probed.ok ? '' : probed.reason });
    }
    const former = others.find(({ uid }) => uid !== identity.uid);
    if (former) {
      const reason = `${former.program} (process ${former.pid}) was started as user ${former.uid} and still runs. Once all VMs of VirtualBox are stopped, and its service has ended 5 s later, the next order runs as an account of its own.`;
      // What it makes is not the account's.
      await rm(this.#places.mark, { force: true });
      return { kind: 'daemon', reason };
    }
    if (performance.now() - this.#startedAsDaemonAt < handOverPauseMs)
      return { kind: 'daemon', reason: 'Programs that were started as the daemon are just ending.' };
    await takeOverFolder(this.#userHome, this.#places.mark, identity);
    return (this.#settled = { kind: 'own', identity });
  }

  /** Runs VBoxManage as the account, once; what it misses is told by it. */
  #try(identity: VmIdentity): ReturnType<typeof probeIsolation> {
    this.#probe ??= (async () => {
      const isolation = await probeIsolation();
      if (!isolation.ok) return isolation;
      const reason = whyNoProcesses(release());
      if (reason !== null) return { ok: false, reason };
      try {
        await makePlaces(this.#places, identity, this.#userHome, this.#options?.lend ?? []);
        const command = await this.#ownCommand(identity, `${virtualBoxPrograms}/VBoxManage`, ['--version']);
        await exec(command, { env: this.#env, timeoutMs: 10_000 });
        return { ok: true };
      } catch (error) {
        return { ok: false, reason: `A try of it failed: ${toNakhodaError(error).message}` };
      }
    })();
    return this.#probe;
  }

  async #ownCommand(identity: VmIdentity, program: string, args: readonly string[]): Promise<string[]> {
    this.#facts ??= readAccountFacts(this.#runtime.root, devices);
    this.#groups ??= this.#furtherGroups();
    const { passwd, group, ipc } = this.#places;
    const { lend, show } = this.#options ?? { lend: [], show: [] };
    const own = [this.#userHome, ...lend].map((path) => ({ path, source: realpathSync(path) }));
    const sockets = { source: realpathSync(ipc), path: `/tmp/.vbox-${this.#env['VBOX_IPC_SOCKETID'] ?? ''}-ipc` };
    const request = {
      identity,
      groups: await this.#groups,
      names: { passwd: realpathSync(passwd), group: realpathSync(group) },
      lend: [sockets, ...own, ...this.adoptedPairs(this.#adopted(), identity)],
      show: show.filter((path) => existsSync(path)).map((path) => ({ path, source: realpathSync(path) })),
      setUid: await this.#isSetUid(program),
    };
    return accountArgv(request, await this.#facts, [program, ...args]);
  }

  /** Whether the program is hardened: it checks that it is root, and then becomes the user. Another one would stay root. */
  #isSetUid(program: string): Promise<boolean> {
    let known = this.#setUid.get(program);
    known ??= stat((this.#runtime.root ?? '') + program).then(
      ({ mode, uid }) => (mode & 0o4000) !== 0 && uid === 0,
      () => false,
    );
    this.#setUid.set(program, known);
    return known;
  }

  /** For USB devices. */
  async #furtherGroups(): Promise<number[]> {
    if (this.#runtime.kind !== 'system') return [];
    const group = groupNumber(await readFile('/etc/group', 'utf8').catch(() => ''), 'vboxusers');
    return group === null ? [] : [group];
  }
}

function stillIsolated({ pid, program, uid }: FormerProgram, reason: string): NakhodaError {
  return new NakhodaError('hypervisor.unusable', {
    message: `${program} (process ${pid}) of this data folder runs as its own account, user ${uid}, but no more programs can be started as that: ${reason}`,
    hint: 'Shut the VirtualBox VMs down in their guests, or end that process; its service ends 5 s later. Then VirtualBox runs as the daemon.',
  });
}

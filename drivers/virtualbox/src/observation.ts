import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { DriverEvent, MachineStatus } from '@nakhoda/driver';
import { isAlive } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';

import type { Consoles } from './consoles.ts';
import { FolderWatches } from './folder-watches.ts';
import type { WatchedFolder } from './folder-watches.ts';
import type { KnownMachine, Machines } from './machines.ts';
import { readRunFile, writeRunFile } from './run-record.ts';
import type { RunFile } from './run-record.ts';
import { visibleSnapshots } from './snapshot-plan.ts';
import { Watcher } from './watcher.ts';
import type { Sighting } from './watcher.ts';

/** Where files are not watched: all VMs are looked at, this often. Milliseconds. */
const pollMs = 300;
/** Where they are: in case that an announcement was lost. */
const sweepMs = 30_000;
/** How often the processes of running VMs are looked for; of others there are none. A look at one costs some 20 µs. */
const processPollMs = 200;
/** What belongs together, such as the two renames of a settings file, comes within this time. */
const settleMs = 20;
/** How long the kernel may take to announce the file of the trial. */
const trialMs = 2000;

const registryOwner = 'registry';
const trialName = '.nakhoda-watch-trial';

export interface ObservationOptions {
  /** VirtualBox's home, with the registry. */
  userHome: string;
  machines: Machines;
  consoles: Consoles;
  log(line: string): void;
  /** Told of each VM that is seen to run, again and again. */
  runs?: (machine: KnownMachine, process: ProcessRef) => void;
  /** Replaced in tests: watches that fail. */
  watches?: (changed: (owner: string, name: string) => void) => FolderWatches;
}

/**
 * Follows all VMs and tells of their changes: the kernel announces those of the registry, of each `.vbox` file, of the
 * logs and of the run records; the processes of running VMs are looked for; and each VM is looked at when it is concerned.
 */
export class Observation {
  readonly #options: ObservationOptions;
  readonly #watcher: Watcher;
  readonly #watches: FolderWatches;
  /** The processes of VMs that run. */
  readonly #processes = new Map<number, ProcessRef>();
  #known = new Map<number, string>();
  #processTimer: NodeJS.Timeout | null = null;
  #settling: NodeJS.Timeout | null = null;
  readonly #announced = new Set<string>();
  /** False when the kernel does not announce changes of files here. */
  #watching = true;
  #heardTrial: (() => void) | null = null;
  #closed = false;

  constructor(options: ObservationOptions) {
    this.#options = options;
    const announce = (owner: string, name: string): void => this.#announce(owner, name);
    this.#watches = options.watches?.(announce) ?? new FolderWatches(announce);
    this.#watcher = new Watcher({
      look: (vmids) => this.#look(vmids),
      everyMs: () => (this.#watching ? sweepMs : pollMs),
      log: options.log,
    });
  }

  /** Looks at all VMs, and follows them from then on. Resolves after that look. */
  async begin(): Promise<void> {
    this.#watcher.poke('all');
    this.#try().catch((error: unknown) => this.#options.log(`trying to watch files: ${String(error)}`));
    await this.#watcher.firstLook;
  }

  /** Looks at the VM at once: something was done to it. */
  poke(vmid: number): void {
    this.#watcher.poke(vmid);
  }

  subscribe(signal: AbortSignal): AsyncIterable<DriverEvent> {
    return this.#watcher.subscribe(signal);
  }

  close(): void {
    this.#closed = true;
    this.#heardTrial?.();
    for (const timer of [this.#processTimer, this.#settling]) if (timer) clearTimeout(timer);
    this.#watches.close();
    this.#watcher.close();
  }

  /** Some file systems take a watch and never announce anything (network, some containers'), so one file is changed for trial. */
  async #try(): Promise<void> {
    const path = join(this.#options.userHome, trialName);
    this.#watchRegistry();
    const { promise: heard, resolve } = Promise.withResolvers<boolean>();
    this.#heardTrial = () => resolve(true);
    await writeFile(path, '', { mode: 0o600 });
    await rm(path, { force: true });
    const answer = await Promise.race([heard, delay(trialMs, false, { ref: false })]);
    this.#heardTrial = null;
    if (!answer && this.#watching && !this.#closed) this.#giveUp(`changes in ${this.#options.userHome} are not announced`);
  }

  #watchRegistry(): void {
    const folder = { path: this.#options.userHome, matters: (name: string) => name.startsWith('VirtualBox.xml') || name === trialName };
    this.#watches.want(registryOwner, [folder]);
  }

  /** Goes back to looking at all VMs again and again. */
  #giveUp(reason: string): void {
    this.#watching = false;
    this.#watches.close();
    const limits = /ENOSPC|EMFILE/.test(reason) ? ' raise the kernel settings fs.inotify.max_user_watches and max_user_instances and' : '';
    const remedy = `To have them watched,${limits} restart the daemon.`;
    this.#options.log(`Files of VirtualBox VMs cannot be watched: ${reason}. All VMs are looked at every ${pollMs} ms instead. ${remedy}`);
    this.#watcher.poke('all');
  }

  #announce(owner: string, name: string): void {
    if (name === trialName) {
      this.#heardTrial?.();
      return;
    }
    this.#announced.add(owner);
    this.#settling ??= setTimeout(() => void this.#takeUp(), settleMs);
    this.#settling.unref();
  }

  /** Looks at the VMs that announcements came of; at those that came or went, when the registry changed. */
  async #takeUp(): Promise<void> {
    this.#settling = null;
    const owners = [...this.#announced];
    this.#announced.clear();
    for (const owner of owners) if (owner !== registryOwner) this.#watcher.poke(Number(owner));
    if (!owners.includes(registryOwner)) return;
    try {
      const before = this.#known;
      this.#known = await this.#options.machines.folders();
      for (const vmid of new Set([...before.keys(), ...this.#known.keys()]))
        if (before.get(vmid) !== this.#known.get(vmid)) this.#watcher.poke(vmid);
    } catch (error) {
      this.#options.log(`reading VirtualBox's registry: ${String(error)}`);
      this.#watcher.poke('all');
    }
  }

  async #look(vmids: ReadonlySet<number> | 'all'): Promise<Sighting[]> {
    const { machines } = this.#options;
    if (vmids === 'all') {
      if (this.#watching) this.#watchRegistry();
      this.#known = await machines.folders();
    }
    const found = vmids === 'all' ? await machines.all() : await Promise.all([...vmids].map((vmid) => machines.find(vmid)));
    const present = found.filter((machine) => machine !== null);
    const looked = vmids === 'all' ? [...this.#processes.keys()] : vmids;
    const sightings = await Promise.all(present.map((machine) => this.#sight(machine)));
    for (const vmid of looked) if (!present.some((machine) => machine.vmid === vmid)) this.#forget(vmid);
    this.#followProcesses();
    if (this.#watching && this.#watches.failure !== null) this.#giveUp(this.#watches.failure);
    return sightings;
  }

  /** Looks at one VM, connects to its ports when it runs, and watches its files. */
  async #sight(machine: KnownMachine): Promise<Sighting> {
    const { machines, consoles } = this.#options;
    const { vmid } = machine;
    const { run, status } = await machines.view(machine);
    const process = run !== null && 'run' in run ? run.run.process : null;
    const runs = process !== null && isAlive(process);
    if (this.#closed) return sighting(machine, status);
    if (runs) {
      if (!this.#processes.has(vmid)) await this.#record(machine, run);
      consoles.attach(machine, process);
      this.#options.runs?.(machine, process);
      this.#processes.set(vmid, process);
    } else {
      consoles.detach(vmid);
      this.#processes.delete(vmid);
    }
    if (this.#watching && this.#watches.want(String(vmid), foldersOf(machine, runs))) this.#watcher.poke(vmid);
    return sighting(machine, status);
  }

  /** Writes a run down that somebody else began, so that its end is judged as that of any other. */
  async #record({ spec }: KnownMachine, run: RunFile | null): Promise<void> {
    if (run === null || (await readRunFile(spec.runtimeDirectory)) !== null) return;
    await mkdir(spec.runtimeDirectory, { recursive: true, mode: 0o700 });
    await writeRunFile(spec.runtimeDirectory, run);
  }

  #forget(vmid: number): void {
    this.#options.consoles.detach(vmid);
    this.#processes.delete(vmid);
    this.#watches.want(String(vmid), []);
  }

  /** Nothing announces the end of a process that is not our child, so those of running VMs are looked for. */
  #followProcesses(): void {
    if (this.#processes.size === 0 || this.#closed) {
      if (this.#processTimer) clearInterval(this.#processTimer);
      this.#processTimer = null;
      return;
    }
    this.#processTimer ??= setInterval(() => {
      for (const [vmid, process] of this.#processes) if (!isAlive(process)) this.#watcher.poke(vmid);
    }, processPollMs);
    this.#processTimer.unref();
  }
}

function foldersOf({ folder, spec, observed }: KnownMachine, runs: boolean): WatchedFolder[] {
  return [
    // One that is gone may come back.
    ...(observed === null ? [{ path: spec.directory, matters: (name: string) => name === basename(folder) }] : []),
    { path: folder, matters: (name) => name.includes('.vbox') || name === 'Logs' },
    { path: join(folder, 'Logs'), matters: (name) => name === 'VBox.log' },
    // The guest's serial log lies there, too.
    ...(runs ? [{ path: spec.runtimeDirectory, matters: (name: string) => name === 'process.json' }] : []),
  ];
}

function sighting({ vmid, observed }: KnownMachine, status: MachineStatus): Sighting {
  const tree = observed && visibleSnapshots(observed);
  return {
    vmid,
    state: JSON.stringify([status.state, status.reason, status.pid, status.suspended]),
    snapshots: JSON.stringify([tree?.currentSnapshotUuid, tree?.snapshots.map(({ uuid, parentUuid }) => [uuid, parentUuid])]),
    settings: JSON.stringify([
      observed?.cores,
      observed?.memoryMiB,
      observed?.nics,
      observed?.attachments.map(({ mediumUuid: _, linkedImage: _image, ...place }) => place),
    ]),
  };
}

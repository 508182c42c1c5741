import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { MachineSpec, MachineStatus } from '@nakhoda/driver';
import { isAlive } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { FileCache } from './file-cache.ts';
import { LinkedImages } from './linked-images.ts';
import { parseMachine, parseRegistry } from './machine-file.ts';
import type { ObservedMachine, RegistryEntry } from './machine-file.ts';
import { type MachineLog, MachineLogReader } from './machine-log.ts';
import { parseMachineMedia } from './machine-media.ts';
import type { MachineMedia } from './machine-media.ts';
import { judgeState } from './machine-state.ts';
import type { KnownMedium } from './media-tree.ts';
import { outsideChanges } from './outside-changes.ts';
import { findOutsideRun } from './outside-run.ts';
import { readRunFile } from './run-record.ts';
import type { RunFile, RunRecord } from './run-record.ts';
import { visibleSnapshots } from './snapshot-plan.ts';
import { type ToldState, withToldState } from './storage-watch.ts';
import { readVdiHeader } from './vdi-header.ts';

/** The name under which VirtualBox knows a VM, and the name of its folder and `.vbox` file. */
export function machineName(vmid: number): string {
  return `nakhoda-${vmid}`;
}

/** The driver's record of what it was asked for, beside the machine's own folder. */
export function specPath(directory: string): string {
  return join(directory, 'machine.json');
}

/** A VM of Nakhoda's in VirtualBox's registry. */
export interface KnownMachine {
  vmid: number;
  uuid: string;
  /** The folder that VirtualBox made for it, with the `.vbox` file, logs and snapshots. */
  folder: string;
  spec: MachineSpec;
  /** What its `.vbox` file says; null when VirtualBox knows a machine whose file is gone or unreadable. */
  observed: ObservedMachine | null;
}

/** A VM as it is found at one moment. */
export interface MachineView {
  machine: KnownMachine;
  run: RunFile | null;
  status: MachineStatus;
}

/**
 * Finds VMs and their states in VirtualBox's XML files, its logs and the processes, without asking VBoxManage:
 * that costs microseconds instead of a tenth of a second and a lock.
 */
export class Machines {
  readonly #registryPath: string;
  readonly #registry = new FileCache(parseRegistry);
  readonly #machines = new FileCache((text) => this.#takeUp(parseMachineSafely(text)));
  /** From an ISO image's path to its UUID. */
  readonly #imageUuids = new Map<string, string>();
  #allRead: Promise<unknown> | null = null;
  readonly #specs = new FileCache(parseSpec);
  readonly #media = new FileCache(parseMediaSafely);
  readonly #linkedImages = new LinkedImages();
  readonly #logs = new MachineLogReader();
  readonly #told = new Map<number, ToldState>();

  constructor(userHome: string) {
    this.#registryPath = join(userHome, 'VirtualBox.xml');
  }

  /** The VMs that VirtualBox knows and Nakhoda made, by vmid. */
  async all(): Promise<KnownMachine[]> {
    const found = await Promise.all([...(await this.#entries())].map(([vmid, entry]) => this.#known(vmid, entry)));
    return found.filter((machine) => machine !== null).sort((a, b) => a.vmid - b.vmid);
  }

  async find(vmid: number): Promise<KnownMachine | null> {
    const entry = (await this.#entries()).get(vmid);
    return entry === undefined ? null : this.#known(vmid, entry);
  }

  /** The registered VMs' vmids, with the folders that their `.vbox` files lie in. Reads the registry alone, and only when it changed. */
  async folders(): Promise<Map<number, string>> {
    return new Map([...(await this.#entries())].map(([vmid, entry]) => [vmid, dirname(entry.file)]));
  }

  /** @throws NakhodaError `vm.not-found` */
  async need(vmid: number): Promise<KnownMachine> {
    const machine = await this.find(vmid);
    if (machine) return machine;
    throw new NakhodaError('vm.not-found', {
      message: `VirtualBox has no VM ${vmid} of Nakhoda's.`,
      hint: 'List the VMs, and define this one first.',
    });
  }

  /** The UUID by which VirtualBox knows an ISO image already; null when no VM of Nakhoda's has had it. */
  async imageUuid(path: string): Promise<string | null> {
    this.#allRead ??= this.all();
    await this.#allRead;
    return this.#imageUuids.get(path) ?? null;
  }

  /** What the machine's file says of its disks, now and in its snapshots. */
  async mediaOf({ uuid }: Pick<KnownMachine, 'uuid'>): Promise<MachineMedia> {
    const registry = await this.#registry.read(this.#registryPath);
    const entry = registry?.machines.find((candidate) => candidate.uuid === uuid);
    return (entry && (await this.#media.read(entry.file))) ?? { media: [], states: [] };
  }

  /** All images of disks that the files of Nakhoda's VMs list, by UUID. Reads those that changed. */
  async media(): Promise<Map<string, KnownMedium>> {
    const lists = [...(await this.#entries())].map(([vmid, entry]) => this.#listedBy(vmid, entry));
    const known = new Map<string, KnownMedium>();
    // A linked clone that was just registered has the tree in its file, too. VirtualBox goes by the one that it loads first.
    for (const medium of (await Promise.all(lists)).flat()) if (!known.has(medium.uuid)) known.set(medium.uuid, medium);
    return known;
  }

  /** Those that may hang together with a VM's disks at these paths: all, where it is a linked clone; otherwise what its own file lists. */
  async mediaAround(vmid: number, paths: readonly string[]): Promise<Map<string, KnownMedium>> {
    for (const path of paths) if ((await readVdiHeader(path))?.parentUuid) return this.media();
    const entry = (await this.#entries()).get(vmid);
    return new Map((entry ? await this.#listedBy(vmid, entry) : []).map((medium) => [medium.uuid, medium]));
  }

  async #listedBy(vmid: number, { uuid: machine, file }: RegistryEntry): Promise<KnownMedium[]> {
    const list = await this.#media.read(file);
    return (list?.media ?? []).map(({ uuid, parentUuid, location }) => ({
      uuid,
      parentUuid,
      path: resolve(dirname(file), location),
      owner: { vmid, uuid: machine },
    }));
  }

  /** The registry's extra data: settings for all VMs. */
  async globalExtraData(): Promise<Record<string, string>> {
    return (await this.#registry.read(this.#registryPath))?.extraData ?? {};
  }

  /** The file under which a machine of that UUID or name is registered, whoever made it; null when none is. */
  async registeredFile(spec: Pick<MachineSpec, 'uuid' | 'vmid'>): Promise<{ uuid: string; file: string } | null> {
    const registry = await this.#registry.read(this.#registryPath);
    const file = `${machineName(spec.vmid)}.vbox`;
    return registry?.machines.find((entry) => entry.uuid === spec.uuid || basename(entry.file) === file) ?? null;
  }

  async view(machine: KnownMachine): Promise<MachineView> {
    const recorded = await readRunFile(machine.spec.runtimeDirectory);
    const log = await this.log(machine);
    const run = isUnderWay(recorded) ? recorded : (runOf(findOutsideRun(machine.uuid, log)) ?? recorded);
    const ref = run !== null && 'run' in run ? run.run.process : null;
    const alive = ref !== null && isAlive(ref);
    const judged = judgeState({ run, alive, thisBoot: ref?.bootId === (await bootId()), log });
    const tree = machine.observed && visibleSnapshots(machine.observed);
    const current = tree?.snapshots.find((snapshot) => snapshot.uuid === tree.currentSnapshotUuid);
    const lost = machine.observed === null && !alive;
    const changes = machine.observed === null ? [] : outsideChanges(machine.spec, machine.observed);
    const status: MachineStatus = {
      vmid: machine.vmid,
      uuid: machine.uuid,
      ...(lost
        ? { state: 'unknown', reason: `VirtualBox cannot read ${join(machine.folder, `${basename(machine.folder)}.vbox`)}.` }
        : judged),
      ...(alive && run !== null && 'run' in run
        ? { execution: run.run.execution, pid: run.run.process.pid, startedAt: run.run.startedAt }
        : {}),
      ...(current ? { currentSnapshot: current.name } : {}),
      ...(machine.observed?.savedState && !alive ? { suspended: true } : {}),
      ...(changes.length === 0 ? {} : { changedOutside: changes }),
    };
    return { machine, run, status };
  }

  /** What the log of the machine's present or last run says. */
  async log(machine: KnownMachine): Promise<MachineLog> {
    return withToldState(await this.#logs.read(join(machine.folder, 'Logs', 'VBox.log')), this.#told.get(machine.vmid));
  }

  /** Takes up what the service told of a machine's state. @returns whether that is something new */
  tell(vmid: number, told: ToldState): boolean {
    const isNew = !isDeepStrictEqual(this.#told.get(vmid), told);
    this.#told.set(vmid, told);
    return isNew;
  }

  async #entries(): Promise<Map<number, RegistryEntry>> {
    const registry = await this.#registry.read(this.#registryPath);
    const ours = (registry?.machines ?? []).flatMap((entry): [number, RegistryEntry][] => {
      const vmid = /^nakhoda-(\d+)\.vbox$/.exec(basename(entry.file))?.[1];
      return vmid === undefined ? [] : [[Number(vmid), entry]];
    });
    return new Map(ours);
  }

  #takeUp(machine: ObservedMachine | null): ObservedMachine | null {
    for (const { type, mediumUuid, baseLocation } of machine?.attachments ?? []) {
      if (type === 'DVD' && mediumUuid !== null && baseLocation !== null) this.#imageUuids.set(baseLocation, mediumUuid);
    }
    return machine;
  }

  async #known(vmid: number, entry: RegistryEntry): Promise<KnownMachine | null> {
    const folder = dirname(entry.file);
    const spec = await this.#specs.read(specPath(dirname(folder)));
    if (spec === null || spec.uuid !== entry.uuid) return null;
    const observed = await this.#machines.read(entry.file);
    return { vmid, uuid: entry.uuid, folder, spec, observed: observed && (await this.#linkedImages.resolve(observed, { folder, spec })) };
  }
}

/** Whether this driver's own run, or start, of the VM is there, so that nobody else's can be. */
function isUnderWay(file: RunFile | null): boolean {
  return file !== null && ('launching' in file || ('run' in file && isAlive(file.run.process)));
}

function runOf(run: RunRecord | null): RunFile | null {
  return run && { run };
}

/** A file that VirtualBox or somebody broke must not hide the other machines. */
function parseMachineSafely(text: string): ObservedMachine | null {
  try {
    return parseMachine(text);
  } catch {
    return null;
  }
}

function parseMediaSafely(text: string): MachineMedia | null {
  try {
    return parseMachineMedia(text);
  } catch {
    return null;
  }
}

function parseSpec(text: string): MachineSpec | null {
  try {
    return JSON.parse(text) as MachineSpec;
  } catch {
    return null;
  }
}

let knownBootId: Promise<string> | undefined;
function bootId(): Promise<string> {
  knownBootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim());
  return knownBootId;
}

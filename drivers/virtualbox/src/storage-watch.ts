import { statfs } from 'node:fs/promises';

import { isAlive, type ProcessRef } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import type { MachineLog } from './machine-log.ts';
import { storageFull } from './machine-log.ts';
import type { KnownMachine, Machines } from './machines.ts';
import type { VBoxManage } from './vboxmanage.ts';
import { vmLane } from './vboxmanage.ts';

const lookEveryMs = 3000;
/** With less than this a log may have lost lines. Bytes. */
const enoughBytes = 64 * 1024;
const askTimeoutMs = 10_000;

/** What VirtualBox's service said of a machine whose log could not be written. */
export interface ToldState {
  pid: number;
  /** How many states the log had told of then: when it tells of one more, it is right again. */
  states: number;
  state: 'Running' | 'Paused';
}

export interface StorageWatchOptions {
  machines: Pick<Machines, 'log' | 'tell'>;
  vbox: Pick<VBoxManage, 'run'>;
  log(line: string): void;
  changed(vmid: number): void;
  /** Replaced in tests: the room where a folder lies. */
  freeBytes?: (folder: string) => Promise<number>;
}

/** A machine's log, with the state that the service told where the log has none so new. Pure. */
export function withToldState(log: MachineLog, told: ToldState | undefined): MachineLog {
  if (!told || told.pid !== log.pid || told.states !== log.states || told.state === log.state) return log;
  return { ...log, state: told.state, trouble: told.state === 'Paused' ? (log.trouble ?? storageFull) : null };
}

/** The state in what `showvminfo --machinereadable` prints, where it is one that a full storage brings about. Pure. */
export function toldStateIn(printed: string): ToldState['state'] | null {
  const state = /^VMState="(\w+)"$/mu.exec(printed)?.[1];
  return state === 'paused' ? 'Paused' : state === 'running' ? 'Running' : null;
}

/**
 * Looks after the logs of VMs that run, which tell their states: on a storage that has no room for a line they tell
 * nothing, and just then the guest may be paused. So as long as there is none the service is asked.
 */
export class StorageWatch {
  readonly #options: StorageWatchOptions;
  readonly #runs = new Map<number, { machine: KnownMachine; process: ProcessRef }>();
  readonly #asking = new Set<number>();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: StorageWatchOptions) {
    this.#options = options;
  }

  /** A VM that runs. */
  notice(machine: KnownMachine, process: ProcessRef): void {
    if (this.#closed) return;
    this.#runs.set(machine.vmid, { machine, process });
    this.#timer ??= setInterval(() => void this.look(), lookEveryMs);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    for (const [vmid, { process }] of this.#runs) if (!isAlive(process)) this.#runs.delete(vmid);
    if (this.#runs.size === 0 && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    await Promise.all([...this.#runs.values()].map(({ machine, process }) => this.#lookAt(machine, process)));
  }

  async #lookAt(machine: KnownMachine, { pid }: ProcessRef): Promise<void> {
    const { vmid, uuid, folder } = machine;
    if (this.#asking.has(vmid)) return;
    this.#asking.add(vmid);
    try {
      if ((await (this.#options.freeBytes ?? freeBytes)(folder)) >= enoughBytes) return;
      const args = ['showvminfo', uuid, '--machinereadable'];
      const state = toldStateIn(await this.#options.vbox.run(args, { lanes: [vmLane(vmid)], timeoutMs: askTimeoutMs, asks: true }));
      const { states } = await this.#options.machines.log(machine);
      if (state !== null && !this.#closed && this.#options.machines.tell(vmid, { pid, states, state })) this.#options.changed(vmid);
    } catch (error) {
      this.#options.log(`VM ${vmid}: its log cannot be written, and VirtualBox does not tell its state: ${toNakhodaError(error).message}`);
    } finally {
      this.#asking.delete(vmid);
    }
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

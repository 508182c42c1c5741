import { setTimeout as delay } from 'node:timers/promises';

import { type DriverContext, EventHub } from '@nakhoda/driver';

import type { FakeCall, FakeFaults } from './fake-faults.ts';
import { type FakeMachine, memoryOf, powerOff, powerOn } from './fake-machine.ts';
import { FakeMachines } from './fake-machines.ts';
import { FakeSerialPort } from './fake-serial-port.ts';
import { guestCommands } from './guest/guest-commands.ts';
import { GuestFiles } from './guest/guest-files.ts';
import { type GuestCommand, type GuestIo, runShell } from './guest/guest-shell.ts';

/** One run of a guest, from power-on to power-off, as far as this process has to do with it. */
export interface FakeRun {
  port: FakeSerialPort;
  /** The terminal of its screen and keyboard, which nobody sees. */
  terminal: FakeSerialPort;
  /** Aborted when the run ends. */
  signal: AbortSignal;
}

export interface FakeCoreOptions {
  persistPath: string | undefined;
  latencyMs: number;
  faults: FakeFaults;
  commands: Readonly<Record<string, GuestCommand>>;
}

/** What the facets share: the machines, their runs, and everyone who is to hear of a change. */
export class FakeCore {
  readonly machines: FakeMachines;
  readonly events = new EventHub();
  readonly #latencyMs: number;
  readonly faults: FakeFaults;
  readonly #commands: Readonly<Record<string, GuestCommand>>;
  readonly #runs = new Map<number, FakeRun & { controller: AbortController }>();

  constructor(options: FakeCoreOptions) {
    this.machines = new FakeMachines(options.persistPath);
    this.#latencyMs = options.latencyMs;
    this.faults = options.faults;
    this.#commands = { ...guestCommands, ...options.commands };
  }

  /** Where every call begins: its fault, then its latency. */
  async enter(call: FakeCall, ctx: DriverContext): Promise<void> {
    ctx.signal.throwIfAborted();
    await this.faults.meet(call, ctx.signal);
    if (this.#latencyMs > 0) await delay(this.#latencyMs, undefined, { signal: ctx.signal });
  }

  powerOn(machine: FakeMachine): void {
    const boots = !machine.suspendedMemory;
    powerOn(machine);
    this.changed(machine);
    if (boots) this.run(machine).port.boot();
  }

  /** Lets a paused guest go on; nothing to one that runs. */
  unpause(machine: FakeMachine): void {
    if (machine.state !== 'paused') return;
    machine.state = 'running';
    machine.reason = null;
    this.changed(machine);
  }

  powerOff(machine: FakeMachine): void {
    this.endRun(machine);
    powerOff(machine);
    this.changed(machine);
  }

  crash(machine: FakeMachine, reason: string): void {
    this.endRun(machine);
    powerOff(machine);
    machine.state = 'crashed';
    machine.reason = reason;
    this.changed(machine);
  }

  panic(machine: FakeMachine, reason: string): void {
    machine.state = 'crashed';
    machine.reason = reason;
    this.changed(machine);
  }

  changed(machine: FakeMachine): void {
    this.machines.save();
    this.events.emit(machine.spec.vmid, 'state');
  }

  /** The present run of a running machine. @throws NakhodaError `guest.not-running` */
  run(machine: FakeMachine): FakeRun {
    const { vmid } = machine.spec;
    const known = this.#runs.get(vmid);
    if (known) return known;
    const memory = memoryOf(machine);
    const controller = new AbortController();
    const runLine = async (line: string, print: (data: Uint8Array | string) => void): Promise<void> => {
      controller.signal.throwIfAborted();
      const io = this.guestIo(machine, { stdout: print, stderr: print, signal: controller.signal });
      await runShell(line, io, ['-sh']);
      controller.signal.throwIfAborted();
    };
    const onChange = (): void => this.machines.save();
    const port = new FakeSerialPort({ memory, onChange, runLine });
    const terminal = new FakeSerialPort({ memory: { backlog: '' }, onChange, runLine });
    const run = { port, terminal, controller, signal: controller.signal };
    this.#runs.set(vmid, run);
    return run;
  }

  endRun(machine: FakeMachine): void {
    const { vmid } = machine.spec;
    const run = this.#runs.get(vmid);
    this.#runs.delete(vmid);
    run?.controller.abort();
    run?.port.end();
  }

  filesOf(machine: FakeMachine): GuestFiles {
    return new GuestFiles(machine.disk, memoryOf(machine).files);
  }

  guestIo(machine: FakeMachine, options: Pick<GuestIo, 'stdout' | 'stderr' | 'signal'>): GuestIo {
    const memory = memoryOf(machine);
    return {
      ...options,
      files: this.filesOf(machine),
      stdin: Buffer.alloc(0),
      variables: memory.variables,
      cores: machine.spec.cores,
      commands: this.#commands,
      power: (action) => {
        // Later, so that the command still answers, as one does whose guest takes a moment to go down.
        setImmediate(() => {
          if (machine.memory !== memory) return;
          this.powerOff(machine);
          if (action === 'reboot') this.powerOn(machine);
        });
      },
    };
  }

  close(): void {
    this.events.close();
    for (const run of this.#runs.values()) run.port.end();
    this.#runs.clear();
  }
}

import { createGuestAccess, createGuestAgent, createSerialShell, isAlive, SerialHub } from '@nakhoda/host';
import type { GuestAccess, GuestAgent, ProcessRef } from '@nakhoda/host';

import { agentSocket, serialSocket } from './definition-plan.ts';
import type { KnownMachine } from './machines.ts';
import { runPaths } from './run-paths.ts';

/** The connections to one running guest. */
export interface Console {
  process: ProcessRef;
  hub: SerialHub;
  agent: GuestAgent;
  access: GuestAccess;
}

/**
 * The serial ports of all running VMs. VirtualBox's guest stops at its next output while nobody is connected to a
 * port, so each is connected as soon as its VM runs, and stays so.
 */
export class Consoles {
  readonly #consoles = new Map<number, Console>();

  /** Connects to the VM's ports unless this run's are connected already. */
  attach(machine: KnownMachine, process: ProcessRef): Console {
    const known = this.#consoles.get(machine.vmid);
    if (known && known.process.pid === process.pid && known.process.startTicks === process.startTicks && !known.hub.closed) return known;
    this.detach(machine.vmid);
    const { runtimeDirectory } = machine.spec;
    const hub = new SerialHub({
      socketPath: serialSocket(runtimeDirectory),
      logPath: runPaths(runtimeDirectory).serialLog,
      isAlive: () => isAlive(process),
    });
    const console = { process, hub, ...reach(machine, hub) };
    this.#consoles.set(machine.vmid, console);
    return console;
  }

  /** After a reset of the VM: whoever answered in its guest is gone, and who comes is a stranger. */
  reset(machine: KnownMachine): void {
    const console = this.#consoles.get(machine.vmid);
    if (!console) return;
    console.agent.close();
    console.hub.note('the VM was reset');
    this.#consoles.set(machine.vmid, { ...console, ...reach(machine, console.hub) });
  }

  detach(vmid: number): void {
    const console = this.#consoles.get(vmid);
    this.#consoles.delete(vmid);
    console?.hub.close();
    console?.agent.close();
  }

  close(): void {
    for (const vmid of [...this.#consoles.keys()]) this.detach(vmid);
  }
}

function reach({ spec }: KnownMachine, hub: SerialHub): { agent: GuestAgent; access: GuestAccess } {
  const agent = createGuestAgent({ socketPath: agentSocket(spec.runtimeDirectory), channel: 'uart' });
  return { agent, access: createGuestAccess({ agent, serial: createSerialShell(hub), serialIsFree: () => hub.sessionCount === 0 }) };
}

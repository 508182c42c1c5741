import { randomInt } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import type { VncConnection } from '@nakhoda/driver';
import { connectTo, isAlive, pickLoopbackPort, type ProcessRef, tcpListenersOf, vncPasswordLength, waitFor } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { withEveryonesPortHeld } from './everyones-port.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { KnownMachine } from './machines.ts';
import { runPaths } from './run-paths.ts';
import { withSecretArguments } from './secret-arguments.ts';
import { displayLane, mediaLane, type VBoxCall, type VBoxManage } from './vboxmanage.ts';

/** A VM's VNC server that is on. */
interface Server {
  readonly machine: KnownMachine;
  readonly process: ProcessRef;
  readonly port: number;
  /** Made for this one time that the server is on. */
  readonly password: string;
  readonly viewers: Set<Socket>;
}

/** Each call takes some 50 ms; one that takes longer than this is given up. Milliseconds. */
const callTimeoutMs = 10_000;
const connectTimeoutMs = 5000;
const sizeTimeoutMs = 2000;
/** Somebody else may take a port between the look at it and its use. */
const tries = 3;

/**
 * VirtualBox's VNC servers (its extension pack VNC): off, unless somebody looks. The first viewer of a VM switches its
 * server on, on a loopback port, with a password that was made for this; the last one switches it off. VirtualBox
 * reads the password only when it switches the server on, and drops all viewers when a property changes (7.2.22), so
 * viewers at the same time share a password, which leaves the daemon only towards VirtualBox.
 */
export class VncServers {
  readonly #vbox: VBoxManage;
  readonly #settled: Promise<void>;
  readonly #log: (line: string) => void;
  readonly #handOver: (path: string) => Promise<void>;
  readonly #servers = new Map<number, Server>();
  /** Front ends that were looked at for a server that a former daemon left on. */
  readonly #noticed = new Map<number, ProcessRef>();
  readonly #turns = new KeyedQueue();
  #packChosen = false;

  constructor(parts: { vbox: VBoxManage; settled: Promise<void>; log(line: string): void; handOver(path: string): Promise<void> }) {
    this.#vbox = parts.vbox;
    this.#settled = parts.settled;
    this.#log = parts.log;
    this.#handOver = (path) => parts.handOver(path);
  }

  /** A viewer's own connection to the VM's screen. @throws NakhodaError `console.failed` naming the hop; `hypervisor.timeout` */
  async open(machine: KnownMachine, process: ProcessRef, signal: AbortSignal): Promise<VncConnection> {
    await this.#settled;
    return this.#turns.run([String(machine.vmid)], async () => {
      signal.throwIfAborted();
      const known = this.#servers.get(machine.vmid);
      if (known && sameProcess(known.process, process)) {
        // Somebody may have switched it off behind our back: then it is switched on again.
        const socket = await this.#connect(known, signal).catch(() => null);
        signal.throwIfAborted();
        if (socket !== null) return this.#look(known, socket);
      }
      const server = await this.#turnOn(machine, process, signal);
      try {
        return this.#look(server, await this.#connect(server, signal));
      } catch (error) {
        await this.#turnOff(server);
        signal.throwIfAborted();
        throw consoleError(
          `VirtualBox's VNC server of VM ${machine.vmid} does not let the daemon connect to 127.0.0.1:${server.port}`,
          error,
        );
      }
    });
  }

  /** Switches off what a former daemon left on: nobody looks, and nobody knows its password. Once for each run. */
  notice(machine: KnownMachine, process: ProcessRef): void {
    const seen = this.#noticed.get(machine.vmid);
    if (seen && sameProcess(seen, process)) return;
    this.#noticed.set(machine.vmid, process);
    if (machine.observed?.remoteDisplay !== true) return;
    void this.#turns.run([String(machine.vmid)], async () => {
      await this.#settled;
      if (!this.#servers.has(machine.vmid)) await this.#callOff(machine, process);
    });
  }

  /** Ends every viewing and switches the servers off. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values()];
    await Promise.all(servers.map((server) => this.#turns.run([String(server.machine.vmid)], () => this.#turnOff(server))));
  }

  #look(server: Server, socket: Socket): VncConnection {
    server.viewers.add(socket);
    socket.once('close', () => {
      server.viewers.delete(socket);
      if (server.viewers.size > 0) return;
      const { vmid } = server.machine;
      void this.#turns.run([String(vmid)], async () => {
        // Somebody may have come meanwhile.
        if (server.viewers.size === 0 && this.#servers.get(vmid) === server) await this.#turnOff(server);
      });
    });
    return { stream: socket, password: server.password, server: "VirtualBox's VNC server" };
  }

  #connect(server: Server, signal: AbortSignal): Promise<Socket> {
    return connectTo({ host: '127.0.0.1', port: server.port }, AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]));
  }

  async #turnOn(machine: KnownMachine, process: ProcessRef, signal: AbortSignal): Promise<Server> {
    if (!this.#packChosen)
      await this.#vbox.run(['setproperty', 'vrdeextpack', 'VNC'], { lanes: [mediaLane], timeoutMs: callTimeoutMs, signal });
    this.#packChosen = true;
    const former = this.#servers.get(machine.vmid);
    this.#servers.delete(machine.vmid);
    for (const viewer of former?.viewers ?? []) viewer.destroy();
    // While the server is on, each change of a property would switch it off and on again.
    if (former || machine.observed?.remoteDisplay === true) await this.#callOff(machine, process);
    const call = this.#call(machine, signal);
    const control = (...args: string[]): Promise<string> => this.#vbox.run(['controlvm', machine.uuid, ...args], call);
    const password = newPassword();
    const { secretArguments } = runPaths(machine.spec.runtimeDirectory);
    const property = ['controlvm', machine.uuid, 'vrdeproperty', `VNCPassword=${password}`];
    await withSecretArguments(secretArguments, property, (args) => this.#vbox.run(args, call), this.#handOver);
    await control('vrdeproperty', 'TCP/Address=127.0.0.1');
    let why = '';
    for (let left = tries; left > 0; left -= 1) {
      const port = await pickLoopbackPort();
      if (port === null) throw consoleError("There is no free port for VirtualBox's VNC server on 127.0.0.1");
      await control('vrdeport', String(port));
      try {
        const said = await logSize(machine);
        const before = await listenersOf(process);
        await withEveryonesPortHeld(() => control('vrde', 'on'));
        await untilSized(machine, said);
        why = faultOf(before, await listenersOf(process), port);
      } catch (error) {
        await this.#callOff(machine, process);
        throw error;
      }
      if (why === '') {
        const server: Server = { machine, process, port, password, viewers: new Set() };
        this.#servers.set(machine.vmid, server);
        return server;
      }
      await this.#callOff(machine, process);
    }
    throw consoleError(`VirtualBox's VNC server of VM ${machine.vmid} was switched off again: ${why}`);
  }

  async #turnOff(server: Server): Promise<void> {
    this.#servers.delete(server.machine.vmid);
    for (const viewer of server.viewers) viewer.destroy();
    await this.#callOff(server.machine, server.process);
  }

  /** Never throws: what could not be switched off is switched off before the VM's next start, or by the next daemon. */
  async #callOff(machine: KnownMachine, process: ProcessRef): Promise<void> {
    if (!isAlive(process)) return;
    try {
      await this.#vbox.run(['controlvm', machine.uuid, 'vrde', 'off'], this.#call(machine));
    } catch (error) {
      if (isAlive(process)) this.#log(`VirtualBox's VNC server of VM ${machine.vmid} could not be switched off: ${String(error)}`);
    }
  }

  #call(machine: KnownMachine, signal?: AbortSignal): VBoxCall {
    return { lanes: [displayLane(machine.vmid)], timeoutMs: callTimeoutMs, ...(signal ? { signal } : {}) };
  }
}

function logPath(machine: KnownMachine): string {
  return join(machine.folder, 'Logs', 'VBox.log');
}

async function logSize(machine: KnownMachine): Promise<number> {
  return stat(logPath(machine)).then(
    ({ size }) => size,
    () => 0,
  );
}

/**
 * Waits until the server knows the screen's size, as it says in the machine's log: it begins with 640 by 480 pixels, and
 * a viewer who comes before it knows better, and has not yet said that it can follow a change, would never be told.
 */
async function untilSized(machine: KnownMachine, said: number): Promise<void> {
  const isSized = async (): Promise<boolean> =>
    (await readFile(logPath(machine)).catch(() => Buffer.alloc(0))).subarray(said).includes('VNCServerImpl::VRDEResize to');
  // A guest that has no picture yet has no size either.
  await waitFor(isSized, { timeoutMs: sizeTimeoutMs, pollMs: 20 });
}

/** Where the process listens, one text each; null when that cannot be seen. */
async function listenersOf(process: ProcessRef): Promise<string[] | null> {
  return tcpListenersOf(process.pid).then(
    (listeners) => listeners.map(({ family, address, port }) => (family === 4 ? `${address}:${port}` : `[${address}]:${port}`)),
    () => null,
  );
}

/** Why a server is not where it should be, or is where it should not be; '' when all is well. */
export function faultOf(before: readonly string[] | null, now: readonly string[] | null, port: number): string {
  if (before === null || now === null) return 'where it listens cannot be seen, so it may be open to the network';
  const own = `127.0.0.1:${port}`;
  // What the VM listened on already is not the server's.
  const others = now.filter((listener) => listener !== own && !before.includes(listener));
  if (others.length > 0) return `it listens on ${others.join(', ')}, too`;
  return now.includes(own) ? '' : `it does not listen on ${own}`;
}

function sameProcess(one: ProcessRef, other: ProcessRef): boolean {
  return one.pid === other.pid && one.startTicks === other.startTicks;
}

const passwordAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** 47 bits, for a server that only users of this host reach: all that VNC's eight characters hold without quoting. */
function newPassword(): string {
  return Array.from({ length: vncPasswordLength }, () => passwordAlphabet[randomInt(passwordAlphabet.length)]).join('');
}

function consoleError(message: string, cause?: unknown): NakhodaError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return new NakhodaError('console.failed', {
    message: `${message}${code === undefined ? '' : ` (${code})`}.`,
    hint: "Try again; if it happens again, the VM's VBox.log tells more.",
    ...(cause === undefined ? {} : { cause }),
  });
}

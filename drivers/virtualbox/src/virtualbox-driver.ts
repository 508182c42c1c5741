import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';

import type { Driver } from '@nakhoda/driver';
import { virtualBoxPrograms } from '@nakhoda/host';
import type { VirtualBoxRuntime } from '@nakhoda/host';

import { Account, type AccountOptions } from './account.ts';
import { capabilitiesOf } from './capabilities.ts';
import { clearAbandonedClones, createClone, undefineClone } from './clone.ts';
import { CloneJournal } from './clone-journal.ts';
import { Consoles } from './consoles.ts';
import { define } from './define.ts';
import { DefinedFiles } from './defined-files.ts';
import { deleteImage, measureImage } from './unused-images.ts';
import { AdoptedFolders } from './foreign/adopted-folders.ts';
import { createForeign } from './foreign/foreign-facet.ts';
import { createGuest, createSerial } from './guest.ts';
import { waitForFormerCalls } from './former-calls.ts';
import { readHostFacts } from './host-facts.ts';
import type { HostFacts } from './host-facts.ts';
import { createHotplug } from './hotplug.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { Machines } from './machines.ts';
import { Observation } from './observation.ts';
import type { Parts } from './parts.ts';
import { createPause, createReset, createSuspend } from './power.ts';
import { probe } from './probe.ts';
import { createKeyboard } from './keyboard.ts';
import { createScreen, createVnc } from './screen.ts';
import { createSnapshots, snapshotTimeoutMs } from './snapshots.ts';
import { start } from './start.ts';
import { stop } from './stop.ts';
import { StorageWatch } from './storage-watch.ts';
import { undefine } from './undefine.ts';
import { validateSpec } from './validate.ts';
import { defaultCallTimeoutMs, VBoxManage, vmLane } from './vboxmanage.ts';
import { VncServers } from './vnc-servers.ts';

export interface VirtualBoxDriverOptions {
  /** VirtualBox's registry of this data folder, apart from the user's own: its VBOX_USER_HOME. Made where it is missing. */
  userHome: string;
  /**
   * Absolute folders that everything of every VM lies in: the data folder, and the cache folder with the tiny guest.
   * They must exist. The same ones each time: VirtualBox's service sees those that it was first started with.
   */
  folders: readonly string[];
  /** Gives VirtualBox an account of its own where the daemon is root; without it, VirtualBox runs as the daemon's user. */
  account?: AccountOptions;
  /** From `findVirtualBoxRuntime`; null when VirtualBox is not set up, which `probe` then says. */
  runtime: VirtualBoxRuntime | null;
  /** A line for the daemon's log. */
  log(line: string): void;
  /** Longest time for one call of VBoxManage, in milliseconds; snapshots have ten minutes. Default 30,000. */
  callTimeoutMs?: number;
  /** Replaced in tests. */
  hostFacts?: () => HostFacts;
}

/** The driver for Oracle VirtualBox, through VBoxManage; without its kernel driver, in VirtualBox's interpreter. */
export function createVirtualBoxDriver(options: VirtualBoxDriverOptions): Driver {
  const { runtime } = options;
  const hostFacts = options.hostFacts ?? ((): HostFacts => readHostFacts(runtime));
  const capabilities = (): ReturnType<Driver['capabilities']> => capabilitiesOf(hostFacts());
  mkdirSync(options.userHome, { recursive: true, mode: 0o700 });

  const env = programEnvironment(options.userHome);
  const machines = new Machines(options.userHome);
  const folders = new AdoptedFolders(options.userHome, runtime);
  const consoles = new Consoles();
  const operations = new KeyedQueue();
  const account = new Account({
    ...{ userHome: options.userHome, runtime: runtime ?? absent, account: (runtime && options.account) ?? null, env },
    ...{ binds: () => [...options.folders, ...folders.present()], adopted: () => folders.present() },
  });
  const timeout = options.callTimeoutMs === undefined ? {} : { timeoutMs: options.callTimeoutMs };
  const vbox = new VBoxManage({ command: (args) => account.command(`${virtualBoxPrograms}/VBoxManage`, args), env, ...timeout });
  const observation = new Observation({
    userHome: options.userHome,
    machines,
    consoles,
    log: options.log,
    runs: (machine, process) => {
      vnc.notice(machine, process);
      storage.notice(machine, process);
    },
  });
  const closing = new AbortController();
  const settled = waitForFormerCalls({
    userHome: options.userHome,
    limitMs: (args) => (args[0] === 'snapshot' ? snapshotTimeoutMs : (options.callTimeoutMs ?? defaultCallTimeoutMs)),
    signal: closing.signal,
    log: options.log,
  })
    .catch((error: unknown) => options.log(`looking for calls of an earlier daemon: ${String(error)}`))
    .then(() => clearAbandonedClones(parts))
    .catch((error: unknown) => options.log(`clearing up the clones of an earlier daemon: ${String(error)}`));
  const changed = (vmid: number): void => observation.poke(vmid);
  const storage = new StorageWatch({ machines, vbox, log: options.log, changed });
  const vnc = new VncServers({ vbox, settled, log: options.log, handOver: (path) => account.handOver(path) });
  const clones = new CloneJournal(options.userHome);
  const shared = { vbox, machines, consoles, vnc, clones, operations, hostFacts, account, env, settled, changed, folders };
  const parts: Parts = {
    ...shared,
    defined: new DefinedFiles(),
    isolated: runtime?.kind === 'isolated' || options.account !== undefined,
    log: options.log,
  };
  void observation.begin();

  const oneAtATime = async (vmid: number, work: () => Promise<void>): Promise<void> => {
    await settled;
    await operations.run([vmLane(vmid)], work);
    observation.poke(vmid);
  };
  const vncFacet = createVnc(parts);
  return {
    id: 'virtualbox',
    probe: (ctx) => probe(parts, ctx),
    capabilities,
    validate: (spec) => validateSpec(spec, capabilities()),
    list: async () => Promise.all((await machines.all()).map(async (machine) => (await machines.view(machine)).status)),
    async inspect(_ctx, { vmid }) {
      const machine = await machines.find(vmid);
      return machine === null ? null : (await machines.view(machine)).status;
    },
    define: (ctx, { spec }) =>
      oneAtATime(spec.vmid, async () => {
        await define(parts, ctx, spec);
        await clones.forgetMachine(spec.vmid);
      }),
    deleteImage: (_ctx, { vmid, path }) => oneAtATime(vmid, () => deleteImage(parts, vmid, path)),
    measureImage: (_ctx, { path }) => measureImage(path),
    undefine: (ctx, { vmid }) => undefineClone(parts, vmid, () => oneAtATime(vmid, () => undefine(parts, ctx.signal, vmid))),
    start: (ctx, { vmid }) => oneAtATime(vmid, () => start(parts, ctx, vmid)),
    // Not in the queue: power must come off during a start that takes too long.
    stop: (ctx, stopOptions) => stop(parts, ctx, stopOptions),
    events: (signal) => observation.subscribe(signal),
    async close() {
      closing.abort();
      observation.close();
      storage.close();
      consoles.close();
      await vnc.close();
    },
    pause: createPause(parts, oneAtATime),
    reset: createReset(parts, oneAtATime),
    suspend: createSuspend(parts, oneAtATime),
    hotplug: createHotplug(parts, oneAtATime),
    snapshots: createSnapshots(parts),
    clone: createClone(parts),
    serial: createSerial(parts),
    guest: createGuest(parts),
    // The extension pack may come and go while the daemon runs.
    get vnc() {
      return capabilities().display.vnc.allowed ? vncFacet : undefined;
    },
    screen: createScreen(parts),
    keyboard: createKeyboard(parts),
    foreign: createForeign(parts, oneAtATime),
  };
}

/** Stands for the run time that is not there: its programs are never reached, as `probe` says so and there are no VMs. */
const absent: VirtualBoxRuntime = { kind: 'system', root: null, version: '' };

/** What every program of VirtualBox gets, so that this data folder's are apart from all others on the host. */
export function programEnvironment(userHome: string): Record<string, string> {
  // It names a folder in /tmp for sockets, so it has to be short.
  const id = createHash('sha256').update(userHome).digest('hex').slice(0, 12);
  return { VBOX_USER_HOME: userHome, VBOX_IPC_SOCKETID: `nakhoda-${id}`, HOME: userHome, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };
}

import { availableParallelism, totalmem } from 'node:os';
import { dirname } from 'node:path';

import { type Driver, type DriverContext, EventHub, type MachineSpec, type SpecProblem } from '@nakhoda/driver';
import { exec, findSystemd, networkOwner, vmIdentity } from '@nakhoda/host';
import { type Capabilities, NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { createClone, release } from './clone.ts';
import { createConfinement, type Sharing } from './confinement.ts';
import { createDefinition, deleteImage, redefine, removeDefinition, unfinishedError } from './definition.ts';
import { type Environment, newestMachineType } from './environment.ts';
import { findFirmware } from './firmware-images.ts';
import { createGuestFacet, createSerialFacet } from './guest.ts';
import { createKeyboardFacet } from './keyboard.ts';
import { mostProcessors } from './hardware/cpu.ts';
import { imageDisks } from './hardware/firmware.ts';
import { memoryDriver } from './hardware/memory.ts';
import { hardwareSupport } from './hardware-support.ts';
import { vfioNode } from './host-device-facts.ts';
import { askQemu, type HostHardware, lookAtHost, type QemuLists } from './host-hardware.ts';
import { createHotplugFacet } from './hotplug.ts';
import { createImageTool, heldError } from './images.ts';
import { imageChain } from './layers.ts';
import { powerOff, startMachine, stopMachine } from './lifecycle.ts';
import { findMachineRecords, neededImages, readBootRecord } from './machine-record.ts';
import { Machine } from './machine.ts';
import { createCrashFacet, createPauseFacet, createReset } from './power.ts';
import { baseMemoryOf } from './snapshot-tree.ts';
import { decideExecution, probeQemu } from './probe.ts';
import { createScreenFacet, createVncFacet } from './screen.ts';
import { heal, settle } from './snapshot-layers.ts';
import { readSnapshots } from './snapshot-store.ts';
import { createSnapshotFacet } from './snapshots.ts';
import { createSuspendFacet, loadSuspended, refuseMisfit, settleSuspend } from './suspend.ts';
import { validateSpec } from './validate.ts';

export interface QemuDriverOptions {
  /** Absolute; each VM's directory is a folder directly in it. */
  imagesDirectory: string;
  /** Absolute; each VM's runtime directory is a folder directly in it. */
  runDirectory: string;
  /** Whether KVM runs a guest here, and why or why not. Asked at each start, so the answer may change. */
  probeKvm: () => Promise<{ ok: boolean; reason: string }>;
  /** Programs, looked up in PATH. Default `qemu-system-x86_64` and `qemu-img`. */
  programs?: { system?: string; image?: string };
  /** Absolute folders that QEMU needs beside /usr, where it was unpacked elsewhere. */
  programFolders?: readonly string[];
  /** Marks what the driver makes on the host, and gives each VM its user; see `networkOwner`. Default: of `imagesDirectory`. */
  owner?: string;
  /** Absolute folders with CD images, which every QEMU may read. */
  mediaFolders?: readonly string[];
  /** False lets QEMU run as the daemon's user, which is what happens without root anyway. Default true. */
  isolate?: boolean;
  /**
   * True lets an isolated QEMU older than 8.0 take background snapshots: it keeps a capability, behind a filter that
   * denies all else it is good for. Default false: no capability at all.
   */
  userfaultfd?: boolean;
  /** Milliseconds that a guest may take to let go of a device. Default 30 s. */
  releaseTimeoutMs?: number;
  /** Told about what concerns no single call: records that cannot be read. */
  log?: (line: string) => void;
}

/** The driver for QEMU, driven over QMP. Guests outlive it; a new instance on the same folders takes them over. */
export function createQemuDriver(options: QemuDriverOptions): Driver {
  const events = new EventHub();
  const machines = new Map<number, Machine>();
  const isHeld = (path: string): boolean => [...machines.values()].some(({ record }) => neededImages(record).includes(path));
  const basesOf = (vmid: number): string[] =>
    Object.values(machines.get(vmid)?.places.base ?? {}).flatMap((images) => images.map(({ path }) => path));
  const usedHostNodes = (vmid: number): ReadonlyMap<string, string> =>
    new Map([...machines.values()].filter((one) => one.spec.vmid !== vmid).flatMap(hostNodesOf));
  const environment = createEnvironment(options, { isHeld, basesOf, usedHostNodes });
  const qemuLists = new Map<string, Promise<QemuLists>>();
  let host: HostHardware = { accelerator: 'tcg', devices: new Set(), cpuModels: [], ...lookAtHost() };
  /** Finds out what VMs can have here. QEMU is asked once for each way to run guests; packages and devices may come and go. */
  const lookAround = async (): Promise<void> => {
    const accelerator = (await environment.execution()).mode === 'kvm' ? 'kvm' : 'tcg';
    const asked = qemuLists.get(accelerator) ?? askQemu(environment.system, accelerator);
    qemuLists.set(accelerator, asked);
    asked.catch(() => qemuLists.delete(accelerator));
    host = { accelerator, ...(await asked), ...lookAtHost() };
  };
  const capabilities = (): Capabilities => ({
    snapshots: { live: true, memory: true, deleteWithChildren: true },
    clones: true,
    serial: true,
    guest: { exec: true, files: true },
    display: { vnc: { allowed: true }, screenshot: { allowed: true }, keyboard: { allowed: true } },
    nicBackends: ['tap', 'none'],
    diskFormat: 'qcow2',
    pause: true,
    reset: true,
    suspend: true,
    crashPause: { allowed: true },
    // Under TCG processors come, but do not go: see plan-change.ts.
    hotplug: [
      ...['disks', 'nics', 'cdrom', 'linkUp', 'diskSize', 'diskLimits'],
      ...(host.devices.has(memoryDriver) ? ['memoryMiB'] : []),
      ...(host.accelerator === 'kvm' ? ['cores'] : []),
    ],
    hardware: hardwareSupport(host),
    maxCores: Math.min(mostProcessors, Math.max(availableParallelism() * 4, 4)),
    minMemoryMiB: 16,
    maxMemoryMiB: Math.floor(totalmem() / 1024 / 1024),
  });

  const track = (machine: Machine): Machine => {
    machines.set(machine.spec.vmid, machine);
    return machine;
  };
  const newMachine = (...[record, boot]: [Machine['record'], Machine['boot']]): Machine => {
    const machine: Machine = new Machine(
      record,
      boot,
      (kind) => events.emit(record.spec.vmid, kind),
      () => void settled(machine),
    );
    return machine;
  };
  /** A guest that an earlier daemon stopped for a moment goes on as soon as its QEMU answers. */
  const settled = (machine: Machine): Promise<void> =>
    machine.turns
      .run(async () => {
        await settleSuspend(machine);
        if (machine.alive && (await readSnapshots(machine.spec)).holding) await settle(machine);
      })
      .catch((error: unknown) => environment.log(`VM ${machine.spec.name}: ${toNakhodaError(error).message}`));

  let loading: Promise<void> | null = null;
  /** Reads all records once, and takes up what they tell. */
  const load = (): Promise<void> => {
    loading ??= (async () => {
      const { records, unreadable } = await findMachineRecords(options.imagesDirectory);
      for (const line of unreadable) environment.log(`This record cannot be read, so its VM is not shown: ${line}`);
      await Promise.all(
        records.map(async (record) => {
          const machine = track(newMachine(record, await readBootRecord(record.spec)));
          await machine.resume();
          if ((await machine.qmp(0)) !== null) await settled(machine);
        }),
      );
    })();
    // A failure, such as of a disk, is not for ever.
    loading.catch(() => {
      loading = null;
    });
    return loading;
  };

  const find = async (vmid: number): Promise<Machine> => {
    await load();
    const machine = machines.get(vmid);
    if (machine) return machine;
    throw new NakhodaError('vm.not-found', {
      message: `QEMU has no VM ${vmid}.`,
      hint: 'List the VMs to see their numbers.',
    });
  };

  const validate = (spec: MachineSpec): SpecProblem[] => [...validateSpec(spec, capabilities(), host), ...folderProblems(spec, options)];

  const checkSpec = async (spec: MachineSpec): Promise<void> => {
    await lookAround();
    const problems = validate(spec);
    if (problems.length > 0) throw specError(spec, problems);
  };

  const remove = async (ctx: DriverContext, vmid: number): Promise<void> => {
    await load();
    const machine = machines.get(vmid);
    await machine?.turns.run(async () => {
      if (machine.alive) throw runningError(machine);
      await powerOff(machine);
      await removeDefinition(environment, ctx, machine.record);
      machine.release();
      machines.delete(vmid);
      events.emit(vmid, 'removed');
    });
    const source = machine?.record.clone && machines.get(machine.record.clone.source);
    if (source) await release(environment, ctx, source);
  };

  const clone = createClone(environment, {
    find,
    remove,
    async checkSpec(spec) {
      await checkSpec(spec);
      refuseSharedIdentity(spec, machines.keys());
    },
    known: (vmid) => machines.get(vmid),
    add: (record) => track(newMachine(record, null)),
  });

  return {
    id: 'qemu',
    async probe() {
      const result = await probeQemu(environment, options.programs?.image ?? 'qemu-img', options.probeKvm);
      if (result.usable) await lookAround();
      return result;
    },
    capabilities,
    validate,

    async list() {
      await load();
      return Promise.all([...machines.values()].map((machine) => machine.status()));
    },

    async inspect(_ctx, { vmid }) {
      await load();
      return (await machines.get(vmid)?.status()) ?? null;
    },

    async define(ctx, { spec }) {
      await checkSpec(spec);
      await load();
      const known = machines.get(spec.vmid);
      refuseSharedIdentity(spec, machines.keys());
      if (known) await known.turns.run(() => redefine(environment, ctx, known, spec));
      else track(newMachine(await createDefinition(environment, ctx, spec, null), null));
      events.emit(spec.vmid, 'state');
    },

    async deleteImage(_ctx, { vmid, path }) {
      const machine = await find(vmid);
      await machine.turns.run(() => deleteImage(environment, machine, path));
    },

    undefine: (ctx, { vmid }) => remove(ctx, vmid),

    async start(ctx, { vmid }) {
      const machine = await find(vmid);
      await machine.turns.run(async () => {
        if (!(await readyToStart(machine))) return;
        await heal(environment, machine, { merge: false, log: ctx.log });
        await refuseHeldDisks(environment, machine);
        await startOrGoOn(environment, ctx, machine);
      });
    },

    async stop(ctx, { vmid, mode, timeoutSeconds }) {
      await stopMachine(ctx, await find(vmid), mode, timeoutSeconds);
    },

    events(signal) {
      // The VMs are followed from the first look on, so somebody who only listens needs that look.
      load().catch((error: unknown) => environment.log(`The records of the VMs cannot be read: ${String(error)}`));
      return events.subscribe(signal);
    },

    async close() {
      events.close();
      await loading?.catch(() => undefined);
      for (const machine of machines.values()) machine.release();
    },

    pause: createPauseFacet(find),
    reset: createReset(find),
    crashes: createCrashFacet(find),
    hotplug: createHotplugFacet(environment, { find, checkSpec }),
    suspend: createSuspendFacet(environment, find),
    snapshots: createSnapshotFacet(environment, { find, checkSpec }),
    clone,
    serial: createSerialFacet(find),
    guest: createGuestFacet(find),
    vnc: createVncFacet(find),
    screen: createScreenFacet(find),
    keyboard: createKeyboardFacet(find),
  };
}

function createEnvironment(options: QemuDriverOptions, sharing: Sharing & Pick<Environment, 'usedHostNodes'>): Environment {
  const system = options.programs?.system ?? 'qemu-system-x86_64';
  const owner = options.owner ?? networkOwner(options.imagesDirectory);
  const confinement = createConfinement({
    owner,
    isolate: options.isolate ?? true,
    mediaFolders: options.mediaFolders ?? [],
    program: system,
    programFolders: options.programFolders ?? [],
    userfaultfd: options.userfaultfd ?? false,
    sharing,
  });
  let systemd: Promise<boolean> | null = null;
  return {
    owner,
    confinement,
    systemd: () => (systemd ??= findSystemd()),
    imagesDirectory: options.imagesDirectory,
    runDirectory: options.runDirectory,
    system,
    images: createImageTool(options.programs?.image ?? 'qemu-img'),
    execution: async () => decideExecution(await options.probeKvm()),
    async machineType(machine) {
      const { stdout } = await exec([system, '-machine', 'help'], { timeoutMs: 10_000 });
      const type = newestMachineType(stdout, machine);
      if (type !== null) return type;
      throw new NakhodaError('hypervisor.failed', {
        message: `${system} knows no machine type pc-${machine}-X.Y.`,
        hint: "Install QEMU from the distribution's package qemu-system-x86.",
      });
    },
    firmware(spec) {
      if (spec.firmware !== 'uefi') return null;
      const { plain, secure } = findFirmware();
      const images = spec.secureBoot ? secure : plain;
      if (images) return images;
      throw new NakhodaError('vm.start-failed', {
        message: 'The images of UEFI that the VM needs are not installed.',
        hint: 'Install the package ovmf, or give the VM a BIOS.',
      });
    },
    handOver: (spec, path) => confinement.handOver(spec, path),
    isHeld: sharing.isHeld,
    usedHostNodes: sharing.usedHostNodes,
    releaseTimeoutMs: options.releaseTimeoutMs ?? 30_000,
    log: options.log ?? (() => undefined),
  };
}

/** What VFIO shares among all VMs is not among it. */
function hostNodesOf({ boot, alive, spec }: Machine): [string, string][] {
  const nodes = alive && boot?.kind === 'run' ? (boot.hostNodes ?? []) : [];
  return nodes.filter((node) => node !== vfioNode).map((node) => [node, spec.name]);
}

async function startOrGoOn(environment: Environment, ctx: DriverContext, machine: Machine): Promise<void> {
  const { suspended } = machine;
  if (!suspended) return startMachine(environment, ctx, machine);
  await refuseMisfit(environment, machine, suspended);
  await startMachine(environment, ctx, machine, {
    baseMemoryMiB: baseMemoryOf(suspended.hardware, machine.spec),
    load: (qmp) => loadSuspended(ctx, machine, suspended, qmp),
    // On record before the guest runs: from then on its disks are not those of the memory any more.
    loaded: () => machine.setSuspended(null),
  });
}

/** What follows an ordered end, or never ran, may start; true also after what crashed was cleared away. */
async function readyToStart(machine: Machine): Promise<boolean> {
  const { state, reason } = await machine.status();
  switch (state) {
    case 'running':
    case 'paused':
      return false;
    case 'stopped':
      return true;
    case 'crashed':
    case 'stopping':
      // Its process may still be there: a guest that panicked, or one that has powered itself off.
      await powerOff(machine);
      return true;
    case 'starting':
    case 'unknown':
      throw new NakhodaError('vm.wrong-state', {
        message: `VM ${machine.spec.name} cannot be started while it is ${state}. ${reason ?? ''}`.trim(),
        hint: 'Stop it by power-off first.',
      });
  }
}

/** A guest must not write to what a clone lies on, or is being copied from. */
async function refuseHeldDisks({ isHeld }: Environment, machine: Machine): Promise<void> {
  const { record, spec, places } = machine;
  if (record.clone?.reading) throw unfinishedError(spec.name);
  const store = await readSnapshots(spec);
  const tops = imageDisks(spec).map(({ slot }) => imageChain(store, places, slot, store.active)[0]?.path ?? '');
  if (tops.some(isHeld)) throw heldError(spec.name, 'cannot be started');
}

/** Two VMs of one user could reach each other's processes. */
function refuseSharedIdentity(spec: MachineSpec, vmids: Iterable<number>): void {
  const uidOf = (vmid: number): number => vmIdentity({ owner: 'same', vmid }).uid;
  const other = [...vmids].find((vmid) => vmid !== spec.vmid && uidOf(vmid) === uidOf(spec.vmid));
  if (other === undefined) return;
  throw new NakhodaError('vm.spec-invalid', {
    message: `VM ${spec.vmid} would run as the same user as VM ${other}: their vmids are a multiple of 1,048,576 apart.`,
    hint: 'Take another vmid.',
  });
}

/** A restarted daemon finds its VMs by these folders. */
function folderProblems(spec: MachineSpec, options: QemuDriverOptions): SpecProblem[] {
  const folders = [
    { field: 'directory', path: spec.directory, parent: options.imagesDirectory },
    { field: 'runtimeDirectory', path: spec.runtimeDirectory, parent: options.runDirectory },
  ];
  return folders
    .filter(({ path, parent }) => dirname(path) !== parent)
    .map(({ field, path, parent }) => ({
      field,
      message: `${path} is not a folder directly in ${parent}.`,
      hint: 'Let the daemon name the folders.',
    }));
}

function specError(spec: MachineSpec, problems: readonly SpecProblem[]): NakhodaError {
  const [first] = problems;
  return new NakhodaError('vm.spec-invalid', {
    message: `QEMU cannot run VM ${spec.vmid} as described: ${problems.map(({ message }) => message).join(' ')}`,
    hint: first?.hint ?? 'Change the description.',
    details: { problems },
  });
}

function runningError(machine: Machine): NakhodaError {
  return new NakhodaError('vm.wrong-state', {
    message: `VM ${machine.spec.name} still has a QEMU process, so it cannot be removed.`,
    hint: 'Shut it down or stop it first.',
  });
}

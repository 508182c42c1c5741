import { availableParallelism, totalmem } from 'node:os';

import { type Driver, type DriverContext, EventHub, type MachineSpec, type SpecProblem } from '@nakhoda/driver';
import { type Capabilities, NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { createClone, release } from './clone.ts';
import { createEnvironment } from './create-environment.ts';
import { createDefinition, deleteImage, measureImage, redefine, removeDefinition } from './definition.ts';
import type { QemuDriverOptions } from './driver-options.ts';
import { createGuestFacet, createSerialFacet } from './guest.ts';
import { createKeyboardFacet } from './keyboard.ts';
import { mostProcessors } from './hardware/cpu.ts';
import { iothreadProblem } from './hardware/iothreads.ts';
import { memoryDriver } from './hardware/memory.ts';
import { hardwareSupport } from './hardware-support.ts';
import { vfioNode } from './host-device-facts.ts';
import { askQemu, type HostHardware, lookAtHost, type QemuLists } from './host-hardware.ts';
import { createHotplugFacet } from './hotplug.ts';
import { keepStandbyLater } from './launch.ts';
import { powerOff, stopMachine } from './lifecycle.ts';
import { findMachineRecords, neededImages, readBootRecord } from './machine-record.ts';
import { Machine } from './machine.ts';
import { createCrashFacet, createPauseFacet, createReset } from './power.ts';
import { orderStart } from './order-start.ts';
import { probeQemu } from './probe.ts';
import { createScreenFacet, createVncFacet } from './screen.ts';
import { settle } from './snapshot-layers.ts';
import { readSnapshots } from './snapshot-store.ts';
import { createSnapshotFacet } from './snapshots.ts';
import { folderProblems, refuseSharedIdentity, specError } from './spec-errors.ts';
import { createSuspendFacet, settleSuspend } from './suspend.ts';
import { validateSpec } from './validate.ts';

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
  let host: HostHardware = { accelerator: 'tcg', version: null, devices: new Set(), cpuModels: [], ...lookAtHost() };
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
      if (records.length > 0) void keepStandbyLater(environment);
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

  /** Of a VM that was defined with another QEMU than there is now. */
  const refuseUnsafeThreads = async ({ spec }: Machine): Promise<void> => {
    await lookAround();
    const problem = iothreadProblem(host.version);
    if (problem === null) return;
    throw new NakhodaError('vm.start-failed', {
      message: `VM ${spec.name} has disks with threads of their own. ${problem}`,
      hint: 'Take the threads away (nakhoda disk set VM SLOT --iothread no), or install a newer QEMU.',
    });
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

    async measureImage(ctx, { vmid, path }) {
      const { record } = await find(vmid);
      return measureImage(environment, ctx, record, path);
    },

    undefine: (ctx, { vmid }) => remove(ctx, vmid),

    async start(ctx, { vmid }) {
      const machine = await find(vmid);
      if (machine.spec.disks.some((disk) => disk.iothread === true)) await refuseUnsafeThreads(machine);
      await machine.turns.run(() => orderStart(environment, ctx, machine));
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

/** What VFIO shares among all VMs is not among it. */
function hostNodesOf({ boot, alive, spec }: Machine): [string, string][] {
  const nodes = alive && boot?.kind === 'run' ? (boot.hostNodes ?? []) : [];
  return nodes.filter((node) => node !== vfioNode).map((node) => [node, spec.name]);
}

function runningError(machine: Machine): NakhodaError {
  return new NakhodaError('vm.wrong-state', {
    message: `VM ${machine.spec.name} still has a QEMU process, so it cannot be removed.`,
    hint: 'Shut it down or stop it first.',
  });
}

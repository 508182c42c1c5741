import { constants } from 'node:fs';
import { access, mkdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import type { DriverContext, MachineNic, MachineSpec, StopMode } from '@nakhoda/driver';
import type { ProcessRef, StagedFile } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import type { ChainImage } from './block-nodes.ts';
import { commandLine } from './command-line.ts';
import type { Environment } from './environment.ts';
import { imageDisks } from './hardware/firmware.ts';
import { hasLink, nicDevice } from './hardware/nics.ts';
import { imageChain } from './layers.ts';
import type { Machine } from './machine.ts';
import type { RunRecord } from './machine-record.ts';
import { keepStandbyLater, launchQemu } from './launch.ts';
import { cleanUpRun, killQemu, prepareRun, readHowEnded, readLastWords, removeSockets } from './process.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import { readSnapshots } from './snapshot-store.ts';
import { readHostDeviceFacts } from './host-device-facts.ts';
import { type HostDevicePlan, noHostDevices, planHostDevices } from './host-devices.ts';
import { endTpm, startTpm } from './tpm.ts';

const qmpTimeoutMs = 30_000;
/** A guest that is still booting misses the power button, so it is pressed again. */
const powerButtonPeriodMs = 5_000;

/** The state of a guest that QEMU is to go on from. */
export interface Incoming {
  /** MiB that the guest was powered on with: its state fits no other. */
  baseMemoryMiB: number;
  /** Loads it into the QEMU that waits for it. */
  load: (qmp: QmpClient) => Promise<void>;
  /** Called when it is loaded, before the guest's processors run; from then on a QEMU that a killed daemon leaves goes on. */
  loaded?: () => Promise<void>;
}

/**
 * Starts a VM that does not run. With `incoming` QEMU waits for the guest's state, which that loads before the guest's
 * processors run. Whatever fails, no process is left, and the reason is on record.
 */
export async function startMachine(
  environment: Environment,
  ctx: DriverContext,
  machine: Machine,
  incoming: Incoming | null = null,
): Promise<void> {
  const { spec } = machine;
  let run: RunRecord | null = null;
  let tpm: ProcessRef | null = null;
  let begun: StagedFile | null = null;
  let ready: Promise<unknown> = Promise.resolve();
  machine.activity = { state: 'starting', reason: 'QEMU is being started.' };
  machine.emit('state');
  try {
    await mkdir(spec.runtimeDirectory, { recursive: true, mode: 0o700 });
    const store = await readSnapshots(spec);
    const chain = (slot: string): ChainImage[] => imageChain(store, machine.places, slot, store.active);
    await checkFiles(environment, spec, chain);
    for (const nic of spec.nics) await checkTap(spec.name, nic);
    const host = await findHostDevices(environment, spec);
    const [execution] = await Promise.all([environment.execution(), environment.confinement.prepare(spec)]);
    const accelerator = execution.mode === 'kvm' ? 'kvm' : 'tcg';
    const baseMemoryMiB = incoming?.baseMemoryMiB ?? spec.memoryMiB;
    const argv = commandLine(spec, {
      program: environment.system,
      machineType: machine.record.machineType,
      accelerator,
      firmware: environment.firmware(spec),
      chain,
      baseMemoryMiB,
      usbNodes: host.usb,
      incoming: incoming !== null,
    });
    ctx.signal.throwIfAborted();

    ready = Promise.all([machine.setBoot({ kind: 'launching', at: new Date().toISOString() }), prepareRun(spec)]);
    ready.catch(() => undefined);
    if (spec.tpm) {
      await ready;
      tpm = await startTpm(environment, spec);
    }
    const launched = await launchQemu(environment, ctx, spec, { argv, kvm: accelerator === 'kvm', host, ready });
    run = {
      kind: 'run',
      ...launched,
      ...(tpm ? { tpm } : {}),
      argv,
      baseMemoryMiB,
      ...(host.nodes.length > 0 ? { hostNodes: host.nodes } : {}),
      execution,
      startedAt: new Date().toISOString(),
      begun: false,
      ending: null,
    };
    await machine.setBoot(run);
    machine.follow(run);
    // While QEMU starts.
    begun = await machine.stageBoot({ ...run, begun: true });
    const qmp = await machine.qmp(qmpTimeoutMs);
    if (!qmp) throw await startError(machine, run);
    ctx.signal.throwIfAborted();
    // Connected before the guest runs: what it prints first must not be lost.
    await Promise.all([verify(qmp, spec.uuid, accelerator), machine.hub?.whenConnected(5_000), environment.confinement.seal(spec)]);
    for (const nic of spec.nics) if (!hasLink(nic)) await qmp.execute('set_link', { name: nicDevice(nic.slot), up: false });
    await incoming?.load(qmp);
    ctx.signal.throwIfAborted();
    if (incoming?.loaded) {
      run = { ...run, loaded: true };
      await machine.setBoot(run);
      await begun.discard();
      begun = await machine.stageBoot({ ...run, begun: true });
      await incoming.loaded();
    }
    await qmp.execute('cont', {});
    await begun.commit();
    ctx.log(`QEMU runs as process ${launched.process.pid} (${execution.mode}: ${execution.reason})`);
  } catch (error) {
    // What is being written must not come after what is written now.
    await ready.catch(() => undefined);
    await begun?.discard();
    await abandon(machine, run, error);
    if (tpm) await endTpm(spec, tpm);
    if (ctx.signal.aborted || (error instanceof NakhodaError && keptCodes.has(error.code))) throw error;
    throw new NakhodaError('vm.start-failed', {
      message: `VM ${spec.name} could not be started: ${toNakhodaError(error).message}`,
      hint: error instanceof NakhodaError ? error.hint : "Look at the daemon's log.",
      cause: error,
    });
  } finally {
    machine.activity = null;
    machine.emit('state');
    void keepStandbyLater(environment);
  }
}

const keptCodes = new Set(['vm.start-failed', 'storage.volume-not-found', 'snapshot.failed', 'exec.not-found']);

/** The host is looked at only for those who want something of it. @throws NakhodaError `vm.start-failed` */
async function findHostDevices(environment: Environment, spec: MachineSpec): Promise<HostDevicePlan> {
  if (spec.hostDevices.length === 0) return noHostDevices;
  return planHostDevices(spec, await readHostDeviceFacts(), environment.usedHostNodes(spec.vmid));
}

/** Backing images are written too, when a snapshot is deleted; but not those that a linked clone needs. */
async function checkFiles({ isHeld }: Environment, spec: MachineSpec, chain: (slot: string) => ChainImage[]): Promise<void> {
  const modeOf = ({ path, layer }: ChainImage): number => constants.R_OK | (layer < 0 || isHeld(path) ? 0 : constants.W_OK);
  const files = [
    ...imageDisks(spec).flatMap(({ slot }) =>
      chain(slot).map((image) => ({ what: `disk ${slot}`, path: image.path, mode: modeOf(image) })),
    ),
    ...(spec.cdrom === null ? [] : [{ what: 'CD image', path: spec.cdrom, mode: constants.R_OK }]),
    ...(spec.cloudInit === undefined ? [] : [{ what: 'cloud-init image', path: spec.cloudInit, mode: constants.R_OK }]),
  ];
  const check = async ({ what, path, mode }: (typeof files)[number]): Promise<void> => {
    try {
      await access(path, mode);
    } catch (error) {
      throw new NakhodaError('storage.volume-not-found', {
        message: `The ${what} of VM ${spec.name} does not exist or cannot be read: ${path}`,
        hint: 'Put the file back, or change the VM.',
        cause: error,
      });
    }
  };
  await Promise.all(files.map(check));
}

/**
 * A QEMU that may make interfaces makes the one that is missing, and then the guest's network leads nowhere.
 * @throws NakhodaError `vm.start-failed`
 */
export async function checkTap(vm: string, { slot, attachment }: MachineNic): Promise<void> {
  if (attachment.kind !== 'tap') return;
  const interfaces = (await readFile('/proc/net/dev', 'utf8')).split('\n');
  if (interfaces.some((line) => line.trimStart().startsWith(`${attachment.tap}:`))) return;
  throw new NakhodaError('vm.start-failed', {
    message: `VM ${vm}: the TAP interface ${attachment.tap} of its NIC ${slot} does not exist.`,
    hint: "Look whether the NIC's network is up.",
  });
}

/** A QEMU that is another VM's, or runs the guest otherwise than was announced, is not let go. */
async function verify(qmp: QmpClient, uuid: string, accelerator: 'kvm' | 'tcg'): Promise<void> {
  const [{ UUID }, { enabled }] = await Promise.all([qmp.execute('query-uuid', {}), qmp.execute('query-kvm', {})]);
  if (UUID === uuid && enabled === (accelerator === 'kvm')) return;
  throw new NakhodaError('vm.start-failed', {
    message: `The QEMU that answers is not the one that was started (UUID ${UUID}, KVM ${enabled ? 'on' : 'off'}).`,
    hint: 'Look whether another program uses the sockets in the run folder.',
  });
}

async function startError(machine: Machine, run: RunRecord): Promise<NakhodaError> {
  const words = await readLastWords(machine.spec);
  const silent = machine.alive ? null : await readHowEnded(machine.spec, run);
  return new NakhodaError('vm.start-failed', {
    message: machine.alive
      ? `VM ${machine.spec.name}: QEMU did not answer within ${qmpTimeoutMs / 1000} s of its start. ${words}`.trim()
      : `VM ${machine.spec.name}: QEMU ended at once: ${words === '' ? `it ${silent ?? 'gave no reason'}.` : words}`,
    hint: "QEMU's own words say what it missed; its whole log is qemu.log in the VM's folder.",
  });
}

async function abandon(machine: Machine, run: RunRecord | null, error: unknown): Promise<void> {
  if (run) {
    await killQemu(run.process);
    await machine.over();
  }
  await removeSockets(machine.spec);
  await cleanUpRun(machine.spec, run);
  const reason = `The last start failed: ${error instanceof Error ? error.message : String(error)}`;
  await machine.setBoot({ kind: 'failed', reason, at: new Date().toISOString() });
}

/** Stops a VM; see the contract's `stop`. Not to be called inside the machine's turn: poweroff takes one, shutdown waits outside. */
export async function stopMachine(ctx: DriverContext, machine: Machine, mode: StopMode, timeoutSeconds: number): Promise<void> {
  if (mode === 'poweroff') await machine.turns.run(() => powerOff(machine));
  else await shutDown(ctx, machine, timeoutSeconds);
}

/** Takes the power away, and acknowledges a crash. Inside the machine's turn. */
export async function powerOff(machine: Machine): Promise<void> {
  if (machine.alive) await machine.finish('poweroff');
  else if (machine.boot !== null) {
    await machine.over();
    await machine.cleanUp();
  }
  machine.emit('state');
}

async function shutDown(ctx: DriverContext, machine: Machine, timeoutSeconds: number): Promise<void> {
  if (!machine.alive) return;
  const deadline = performance.now() + timeoutSeconds * 1000;
  const activity = { state: 'stopping', reason: 'The guest has been asked to shut down.' } as const;
  const over = machine.over().then(() => true);
  machine.activity ??= activity;
  machine.emit('state');
  try {
    const qmp = await machine.qmp(Math.min(2_000, timeoutSeconds * 1000));
    if (!qmp && machine.alive) {
      throw new NakhodaError('hypervisor.timeout', {
        message: `The QEMU of VM ${machine.spec.name} does not answer, so the guest cannot be asked to shut down.`,
        hint: 'Stop the VM by power-off.',
      });
    }
    while (machine.alive) {
      ctx.signal.throwIfAborted();
      const left = deadline - performance.now();
      if (left <= 0) throw shutdownTimeout(machine, timeoutSeconds);
      // It fails when the VM ends meanwhile, which the next look tells.
      await qmp?.execute('system_powerdown', {}).catch(() => undefined);
      if (await Promise.race([over, pause(Math.min(left, powerButtonPeriodMs), ctx.signal)])) break;
    }
    await machine.over();
  } finally {
    if (machine.activity === activity) machine.activity = null;
    machine.emit('state');
  }
  const { state, reason } = await machine.status();
  if (state !== 'crashed') return;
  throw new NakhodaError('hypervisor.failed', {
    message: `VM ${machine.spec.name} ended while its guest was shutting down. ${reason ?? ''}`.trim(),
    hint: "Look at qemu.log and serial.log in the VM's folder.",
  });
}

/** False after so many milliseconds, or when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<false> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
  return false;
}

function shutdownTimeout(machine: Machine, timeoutSeconds: number): NakhodaError {
  return new NakhodaError('vm.shutdown-timeout', {
    message: `The guest of VM ${machine.spec.name} did not shut down within ${timeoutSeconds} s; it goes on running.`,
    hint: 'Shut it down from within, give it more time, or take the power away with `nakhoda vm stop`.',
  });
}

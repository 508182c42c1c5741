import { access, constants, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { DriverContext } from '@nakhoda/driver';
import { isAlive, spawnDetached, terminate, waitFor, waitForExit } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';
import type { Execution } from '@nakhoda/schema';

import { clearRun } from './clear-run.ts';
import { agentSocket, portArgs, serialSocket } from './definition-plan.ts';
import { alignNics } from './define.ts';
import { startDisplay } from './display.ts';
import { extraDataSteps, frontEndCommand, globalSettingSteps, modeExtraData } from './front-end.ts';
import { needExecution, xvfbProgram } from './host-facts.ts';
import type { KnownMachine } from './machines.ts';
import { forgetOrphans } from './orphan-media.ts';
import type { Parts } from './parts.ts';
import { runPaths } from './run-paths.ts';
import { writeRunFile } from './run-record.ts';
import type { RunRecord } from './run-record.ts';
import { findServiceComplaint } from './service-log.ts';
import { orphanedMs, ServiceWatch } from './service-process.ts';
import { flushExtraData } from './storage-plan.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/** Longest time from the front end's start until the guest's processors run. Loading saved memory is part of it. */
const startTimeoutMs = 120_000;

/** See `Driver.start`. */
export async function start(parts: Parts, ctx: DriverContext, vmid: number): Promise<void> {
  const machine = await parts.machines.need(vmid);
  const { status, run } = await parts.machines.view(machine);
  if (status.state === 'running') return;
  if (status.state === 'paused') {
    await parts.vbox.run(['controlvm', machine.uuid, 'resume'], { lanes: [vmLane(vmid)], signal: ctx.signal });
    return;
  }
  const left = run !== null && 'run' in run ? run.run.process : null;
  // A front end that is on its way out, or that shows the dialog of a failed start to nobody.
  if (left !== null && !(await waitForExit(left, { timeoutMs: 10_000, signal: ctx.signal }))) await terminate(left, { graceMs: 2000 });
  await clearRun(parts, machine, run);

  await forgetOrphans(parts, machine);
  try {
    await needReadable(machine.spec.cdrom);
    await needReadable(machine.spec.cloudInit ?? null);
    await parts.account.prepare(machine.spec);
    await launch(parts, ctx, machine);
  } catch (error) {
    const failure = toNakhodaError(error);
    if (!ctx.signal.aborted) {
      await mkdir(machine.spec.runtimeDirectory, { recursive: true, mode: 0o700 });
      await writeRunFile(machine.spec.runtimeDirectory, { failure: failure.message });
    }
    throw error;
  } finally {
    parts.changed(vmid);
  }
}

/** VirtualBox itself would start the VM with an empty drive. */
async function needReadable(cdrom: string | null): Promise<void> {
  if (cdrom === null) return;
  try {
    await access(cdrom, constants.R_OK);
  } catch (error) {
    throw new NakhodaError('storage.volume-not-found', {
      message: `The VM's CD image ${cdrom} is gone or cannot be read.`,
      hint: 'Put the image back, or give the VM another one.',
      cause: error,
    });
  }
}

async function launch(parts: Parts, ctx: DriverContext, machine: KnownMachine): Promise<void> {
  const { runtimeDirectory } = machine.spec;
  const paths = runPaths(runtimeDirectory);
  const execution = needExecution(parts.hostFacts());
  const command = frontEndCommand(machine.uuid, execution.mode);

  await using undo = new AsyncDisposableStack();
  await mkdir(paths.xdg, { recursive: true, mode: 0o700 });
  await parts.account.handOver(paths.xdg);
  for (const path of [paths.frontEndLog, serialSocket(runtimeDirectory), agentSocket(runtimeDirectory)]) await rm(path, { force: true });
  let record: RunRecord | null = null;
  undo.defer(() => clearRun(parts, machine, record === null ? null : { run: record }));
  await writeRunFile(runtimeDirectory, { launching: new Date().toISOString() });
  const coming = command.needsDisplay
    ? startDisplay({
        command: (args) => parts.account.command(xvfbProgram, args),
        env: parts.env,
        logPath: paths.displayLog,
        authorityPath: paths.authority,
        handOver: (path) => parts.account.handOver(path),
        signal: ctx.signal,
      })
    : null;
  // Neither needs the other, and each takes some 60 ms.
  const [shown, prepared] = await Promise.allSettled([coming, prepare(parts, ctx, machine, execution)]);
  const display = shown.status === 'fulfilled' ? shown.value : null;
  if (display) undo.defer(() => terminate(display.process, { graceMs: 2000 }));
  for (const part of [prepared, shown]) if (part.status === 'rejected') throw part.reason;

  const serviceLog = await fileSize(join(parts.env['VBOX_USER_HOME'] ?? '', 'VBoxSVC.log'));
  const process = await spawnDetached(await parts.account.command(command.program, command.args), {
    logPath: paths.frontEndLog,
    env: { ...parts.env, ...display?.env, XDG_RUNTIME_DIR: paths.xdg },
  });
  undo.defer(() => terminate(process, { graceMs: 2000 }));
  record = { process, display: display?.process ?? null, execution, startedAt: new Date().toISOString() };
  await writeRunFile(runtimeDirectory, { run: record });
  parts.changed(machine.vmid);
  // At once: a guest whose port nobody listens on stops at its first output.
  parts.consoles.attach(machine, process);

  const failure = await untilRunning(parts, ctx, machine, process);
  if (failure !== null) {
    const userHome = parts.env['VBOX_USER_HOME'] ?? '';
    // The service writes its log a little after the machine has given up.
    const words = failure === '' ? await waitFor(() => findServiceComplaint(userHome, serviceLog), { timeoutMs: 1000 }) : failure;
    throw startError(machine.vmid, words ?? 'it does not say why.', paths.frontEndLog);
  }
  undo.move();
}

/** Settings of the machine that hang on the host of today, not on the VM. */
async function prepare(parts: Parts, ctx: DriverContext, machine: KnownMachine, execution: Execution): Promise<void> {
  const globalSteps = globalSettingSteps(await parts.machines.globalExtraData());
  for (const step of globalSteps) await parts.vbox.run(step, { lanes: [mediaLane], signal: ctx.signal });
  const wanted = { ...modeExtraData(execution.mode), ...flushExtraData(machine.spec) };
  for (const step of extraDataSteps(machine.uuid, wanted, machine.observed?.extraData ?? {})) {
    await parts.vbox.run(step, { lanes: [vmLane(machine.vmid)], signal: ctx.signal });
  }
  await alignPorts(parts, ctx.signal, machine);
  if (!(await parts.defined.hold(machine.spec))) await alignNics(parts, ctx.signal, machine.spec);
  // Left on by a run that ended with a viewer, or by a snapshot of one. With it VirtualBox would listen for everybody.
  if (machine.observed?.remoteDisplay === true) {
    await parts.vbox.run(['modifyvm', machine.uuid, '--vrde', 'off'], { lanes: [vmLane(machine.vmid)], signal: ctx.signal });
  }
}

/**
 * An adopted machine that came with its memory, or is back at a snapshot that did, has the serial ports of that memory.
 * At its next start without one it gets ours.
 */
async function alignPorts(parts: Parts, signal: AbortSignal, { vmid, spec, observed }: KnownMachine): Promise<void> {
  if (!spec.found || observed === null || observed.savedState || observed.serialPaths.includes(serialSocket(spec.runtimeDirectory))) return;
  await parts.vbox.run(['modifyvm', spec.uuid, ...portArgs(spec)], { lanes: [vmLane(vmid)], signal });
}

/** A front end without a log by then has its service asked whether it still answers. It opens one after a second (7.2.22). */
const silentMs = 15_000;

/**
 * Null as soon as the guest runs; otherwise why it does not: VirtualBox's words, or '' when the machine's log has none.
 * @throws NakhodaError `hypervisor.timeout` when the service does not answer
 */
async function untilRunning(parts: Parts, ctx: DriverContext, machine: KnownMachine, process: ProcessRef): Promise<string | null> {
  const service = new ServiceWatch(parts.env['VBOX_USER_HOME'] ?? '');
  const since = performance.now();
  let asked = false;
  const outcome = await waitFor(
    async () => {
      const alive = isAlive(process);
      const log = await parts.machines.log(machine);
      // Before it opens its log it talks to the service. One that hangs would be waited for to the end.
      if (alive && !asked && log.pid !== process.pid && performance.now() - since > silentMs) {
        asked = true;
        await parts.vbox.run(['list', 'vms'], { lanes: [], signal: ctx.signal, asks: true });
      }
      if (log.pid === process.pid) {
        if (log.powerUpFailure !== null) return { failure: log.powerUpFailure.startsWith('vrc=') ? '' : log.powerUpFailure };
        if (alive && (log.state === 'Running' || log.state === 'Paused')) return { failure: null };
      }
      if (alive) return (await service.goneForMs()) < orphanedMs ? null : { failure: serviceGone };
      const printed = await readFile(runPaths(machine.spec.runtimeDirectory).frontEndLog, 'utf8').catch(() => '');
      return { failure: printed.trim().slice(-1000) };
    },
    { timeoutMs: startTimeoutMs, pollMs: 25, signal: ctx.signal },
  );
  return outcome === null ? `The guest did not run within ${startTimeoutMs / 1000} s.` : outcome.failure;
}

const serviceGone = 'its service (VBoxSVC) ended while the VM was being started. Try again: it starts again by itself.';

function startError(vmid: number, words: string, logPath: string): NakhodaError {
  return new NakhodaError('vm.start-failed', {
    message: `VirtualBox did not start VM ${vmid}: ${words}`,
    hint: `VirtualBox's own words above say what it missed; more is in ${logPath} and in the VM's VBox.log.`,
  });
}

async function fileSize(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

import type { DriverContext, StopMode } from '@nakhoda/driver';
import { isAlive, terminate, waitFor, waitForExit } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { clearRun } from './clear-run.ts';
import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';

/** Guests that are still booting miss the power button, so it is pressed again and again, in milliseconds. */
const pressEveryMs = 5000;

/** How long a front end whose machine is off has to leave, in milliseconds. */
const leaveTimeoutMs = 3000;

/** A queue of its own: power must come off while something else of this VM's waits for VirtualBox. */
function powerLane(vmid: number): string {
  return `power ${vmid}`;
}

/** See `Driver.stop`. */
export async function stop(
  parts: Parts,
  ctx: DriverContext,
  options: { vmid: number; mode: StopMode; timeoutSeconds: number },
): Promise<void> {
  const machine = await parts.machines.need(options.vmid);
  const { run } = await parts.machines.view(machine);
  const process = run !== null && 'run' in run ? run.run.process : null;
  if (process !== null && isAlive(process)) {
    if (options.mode === 'shutdown') await shutDown(parts, ctx, machine, process, options.timeoutSeconds * 1000);
    else await powerOff(parts, ctx, machine, process);
  }
  const { status } = await parts.machines.view(machine);
  if (options.mode === 'shutdown' && status.state === 'crashed') {
    throw new NakhodaError('hypervisor.failed', {
      message: `VM ${options.vmid} is not shut down but crashed: ${status.reason ?? ''}`,
      hint: 'Stop the VM to take note of that, or start it again.',
    });
  }
  await clearRun(parts, machine, run);
}

async function shutDown(parts: Parts, ctx: DriverContext, machine: KnownMachine, process: ProcessRef, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let refusal = '';
  while (isAlive(process)) {
    ctx.signal.throwIfAborted();
    const left = deadline - performance.now();
    if (left <= 0) throw timeoutError(machine.vmid, timeoutMs / 1000, refusal);
    const press = parts.vbox.run(['controlvm', machine.uuid, 'acpipowerbutton'], { lanes: [powerLane(machine.vmid)], signal: ctx.signal });
    // A guest that has just gone needs no button, and one that is being snapshotted takes it the next time.
    refusal = await press.then(
      () => '',
      (error: unknown) => toNakhodaError(error).message,
    );
    ctx.signal.throwIfAborted();
    await waitUntilGone(parts, ctx, machine, process, Math.min(pressEveryMs, Math.max(0, left)));
  }
}

/** Takes the power away; a front end that does not go by that is killed. */
export async function powerOff(parts: Parts, ctx: DriverContext, machine: KnownMachine, process: ProcessRef): Promise<void> {
  try {
    const args = ['controlvm', machine.uuid, 'poweroff'];
    await parts.vbox.run(args, { lanes: [powerLane(machine.vmid)], timeoutMs: 15_000, signal: ctx.signal });
    if (await waitUntilGone(parts, ctx, machine, process, 15_000)) return;
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.log(`VirtualBox did not switch VM ${machine.vmid} off: ${String(error)}`);
  }
  await terminate(process, { graceMs: 2000 });
}

/**
 * True as soon as the process is gone. The front end leaves a second after the machine is off, but one that was
 * switched off within its own first second may stay for good (7.2.22), so that is ended.
 */
async function waitUntilGone(
  parts: Parts,
  ctx: DriverContext,
  machine: KnownMachine,
  process: ProcessRef,
  timeoutMs: number,
): Promise<boolean> {
  const offOrGone = async (): Promise<boolean> => {
    if (!isAlive(process)) return true;
    const log = await parts.machines.log(machine);
    return log.pid === process.pid && log.state === 'PoweredOff';
  };
  const off = await waitFor(offOrGone, { timeoutMs, pollMs: 25, signal: ctx.signal });
  if (off && !(await waitForExit(process, { timeoutMs: leaveTimeoutMs, signal: ctx.signal }))) await terminate(process, { graceMs: 2000 });
  return !isAlive(process);
}

function timeoutError(vmid: number, seconds: number, refusal: string): NakhodaError {
  return new NakhodaError('vm.shutdown-timeout', {
    message: `The guest of VM ${vmid} did not shut down within ${seconds} s; it still runs. ${refusal}`.trimEnd(),
    hint: 'Wait longer if it is busy, or stop the VM, which is like pulling its plug.',
  });
}

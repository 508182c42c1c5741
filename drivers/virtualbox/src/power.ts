import type { Driver, DriverContext, PauseFacet, SuspendFacet } from '@nakhoda/driver';
import { isAlive, waitFor, waitForExit } from '@nakhoda/host';
import { NakhodaError, type VmState } from '@nakhoda/schema';

import { clearRun } from './clear-run.ts';
import type { KnownMachine, MachineView } from './machines.ts';
import { forgetOrphans } from './orphan-media.ts';
import type { Parts } from './parts.ts';
import { vmLane } from './vboxmanage.ts';

/** From VirtualBox's answer until its log tells the new state, in milliseconds. */
const settleMs = 10_000;
/** Writing the memory takes as long as the host's disk needs, in milliseconds. */
const suspendTimeoutMs = 600_000;

type OneAtATime = (vmid: number, work: () => Promise<void>) => Promise<void>;

/** `controlvm pause` and `resume`. */
export function createPause(parts: Parts, oneAtATime: OneAtATime): PauseFacet {
  return {
    pause: (ctx, { vmid }) =>
      oneAtATime(vmid, async () => {
        const { machine, status } = await needAlive(parts, vmid, 'paused');
        if (status.state === 'running') await control(parts, ctx, machine, 'pause');
        await untilState(parts, ctx, vmid, 'paused');
      }),
    resume: (ctx, { vmid }) =>
      oneAtATime(vmid, async () => {
        const { machine, status } = await needAlive(parts, vmid, 'resumed');
        if (status.state === 'paused') await control(parts, ctx, machine, 'resume');
        await untilState(parts, ctx, vmid, 'running');
      }),
  };
}

/** See `Driver.reset`. VirtualBox resets a paused machine only when it goes on, so that comes first. */
export function createReset(parts: Parts, oneAtATime: OneAtATime): NonNullable<Driver['reset']> {
  return (ctx, { vmid }) =>
    oneAtATime(vmid, async () => {
      const { machine, status } = await needAlive(parts, vmid, 'reset');
      if (status.state === 'paused') await control(parts, ctx, machine, 'resume');
      await control(parts, ctx, machine, 'reset');
      parts.consoles.reset(machine);
      await untilState(parts, ctx, vmid, 'running');
    });
}

/** `controlvm savestate` and `discardstate`. */
export function createSuspend(parts: Parts, oneAtATime: OneAtATime): SuspendFacet {
  return {
    suspend: (ctx, { vmid }) =>
      oneAtATime(vmid, async () => {
        const known = await parts.machines.need(vmid);
        if (known.observed?.savedState && (await parts.machines.view(known)).status.state === 'stopped') return;
        const { machine, run } = await needAlive(parts, vmid, 'suspended');
        await parts.vbox.run(['controlvm', machine.uuid, 'savestate'], {
          lanes: [vmLane(vmid)],
          timeoutMs: suspendTimeoutMs,
          signal: ctx.signal,
        });
        const process = run !== null && 'run' in run ? run.run.process : null;
        if (process !== null) await waitForExit(process, { timeoutMs: settleMs, signal: ctx.signal });
        if (process === null || !isAlive(process)) await clearRun(parts, machine, run);
      }),
    discard: (ctx, { vmid }) =>
      oneAtATime(vmid, async () => {
        const machine = await parts.machines.need(vmid);
        if (!machine.observed?.savedState) return;
        await forgetOrphans(parts, machine);
        await parts.vbox.run(['discardstate', machine.uuid], { lanes: [vmLane(vmid)], signal: ctx.signal });
      }),
  };
}

async function control(parts: Parts, ctx: DriverContext, machine: KnownMachine, order: string): Promise<void> {
  await parts.vbox.run(['controlvm', machine.uuid, order], { lanes: [vmLane(machine.vmid)], signal: ctx.signal });
}

/** @throws NakhodaError `vm.wrong-state` unless the VM runs or is paused */
async function needAlive(parts: Parts, vmid: number, participle: string): Promise<MachineView> {
  const view = await parts.machines.view(await parts.machines.need(vmid));
  const { state, reason } = view.status;
  if (state === 'running' || state === 'paused') return view;
  throw new NakhodaError('vm.wrong-state', {
    message: `VM ${vmid} is ${state}, so it cannot be ${participle}. ${reason ?? ''}`.trim(),
    hint: 'Start the VM first.',
  });
}

/** The machine's log tells a new state a little after VBoxManage has returned. */
async function untilState(parts: Parts, ctx: DriverContext, vmid: number, state: VmState): Promise<void> {
  const reached = await waitFor(async () => (await parts.machines.view(await parts.machines.need(vmid))).status.state === state, {
    timeoutMs: settleMs,
    pollMs: 25,
    signal: ctx.signal,
  });
  if (reached) return;
  throw new NakhodaError('hypervisor.timeout', {
    message: `VirtualBox accepted the order, but VM ${vmid} was not ${state} within ${settleMs / 1000} s.`,
    hint: "Look at the VM's state, and at its VBox.log.",
  });
}

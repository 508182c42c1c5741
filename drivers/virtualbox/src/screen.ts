import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';

import type { ScreenFacet, VncFacet } from '@nakhoda/driver';
import { isAlive, type ProcessRef, withKeyedLock } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';
import { runPaths } from './run-paths.ts';
import { displayLane } from './vboxmanage.ts';

const screenshotTimeoutMs = 10_000;

/** A running VM and the process that it runs in. @throws NakhodaError `vm.not-found`, `guest.not-running` */
export async function needRun(parts: Parts, vmid: number): Promise<{ machine: KnownMachine; process: ProcessRef }> {
  const machine = await parts.machines.need(vmid);
  const { run } = await parts.machines.view(machine);
  if (run !== null && 'run' in run && isAlive(run.run.process)) return { machine, process: run.run.process };
  throw new NakhodaError('guest.not-running', {
    message: `VM ${vmid} does not run, so it has neither screen nor keyboard.`,
    hint: 'Start the VM first.',
  });
}

/** See `VncFacet`. */
export function createVnc(parts: Parts): VncFacet {
  return {
    async open({ signal }, { vmid }) {
      const { machine, process } = await needRun(parts, vmid);
      return parts.vnc.open(machine, process, signal);
    },
  };
}

/** See `ScreenFacet`. */
export function createScreen(parts: Parts): ScreenFacet {
  return {
    async screenshot({ signal }, { vmid }) {
      const { machine } = await needRun(parts, vmid);
      const { screen } = runPaths(machine.spec.runtimeDirectory);
      return withKeyedLock(screen, async () => {
        signal.throwIfAborted();
        const call = { lanes: [displayLane(vmid)], timeoutMs: screenshotTimeoutMs, signal };
        try {
          await parts.vbox.run(['controlvm', machine.uuid, 'screenshotpng', screen], call);
          // Not through a link, which VirtualBox's account may have put there.
          await using file = await open(screen, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
          return await file.readFile();
        } finally {
          await rm(screen, { force: true });
        }
      });
    },
  };
}

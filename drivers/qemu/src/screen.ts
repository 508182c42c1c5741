import { readFile, rm } from 'node:fs/promises';

import type { ScreenFacet, VncFacet } from '@nakhoda/driver';
import { connectTo, encodePng, withKeyedLock } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { machinePaths } from './machine-paths.ts';
import type { Machine } from './machine.ts';
import { needQmp } from './need-qmp.ts';
import { parsePpm } from './parse-ppm.ts';

/** The screens of running VMs through QEMU's VNC server, one connection a viewer. */
export function createVncFacet(find: (vmid: number) => Promise<Machine>): VncFacet {
  return {
    async open({ signal }, { vmid }) {
      const machine = await find(vmid);
      if (!machine.alive) throw notRunningError(machine);
      needScreen(machine);
      const { vncSocket } = machinePaths(machine.spec);
      try {
        return { stream: await connectTo({ path: vncSocket }, signal), password: null, server: "QEMU's VNC server" };
      } catch (error) {
        signal.throwIfAborted();
        throw new NakhodaError('console.failed', {
          message: `QEMU's VNC server of VM ${machine.spec.name} cannot be reached on ${vncSocket}: ${String((error as NodeJS.ErrnoException).code)}.`,
          hint: 'A VM that an older Nakhoda started has no screen: shut it down and start it again.',
          cause: error,
        });
      }
    },
  };
}

/**
 * Pictures of the screen. QEMU writes them as PPM, which every version can; compressing to PNG is done here, in another
 * thread, where it does not hold up the guest as it would in QEMU's main loop.
 */
export function createScreenFacet(find: (vmid: number) => Promise<Machine>): ScreenFacet {
  return {
    async screenshot({ signal }, { vmid }) {
      const machine = await find(vmid);
      const { screen } = machinePaths(machine.spec);
      const ppm = await withKeyedLock(screen, async () => {
        signal.throwIfAborted();
        const qmp = await needQmp(machine);
        needScreen(machine);
        try {
          await qmp.execute('screendump', { filename: screen });
          return await readFile(screen);
        } finally {
          await rm(screen, { force: true });
        }
      });
      return encodePng(parsePpm(ppm));
    },
  };
}

/** @throws NakhodaError `vm.unsupported` */
function needScreen({ spec }: Machine): void {
  if (spec.display !== 'none') return;
  throw new NakhodaError('vm.unsupported', {
    message: `VM ${spec.name} has no graphics card, so it has no screen.`,
    hint: 'Use its serial console, or give it a display of the kind std.',
  });
}

function notRunningError({ spec }: Machine): NakhodaError {
  return new NakhodaError('guest.not-running', {
    message: `VM ${spec.name} does not run, so it shows nothing.`,
    hint: 'Start the VM first.',
  });
}

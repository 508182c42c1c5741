import type { DriverContext, GuestFacet, SerialFacet } from '@nakhoda/driver';
import { guestFacetCalls, isAlive } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { additionsFacts } from './additions.ts';
import type { Console } from './consoles.ts';
import type { Parts } from './parts.ts';

/** Connections of a VM that has a process, or null. @throws NakhodaError `vm.not-found` */
async function findConsole(parts: Parts, vmid: number, options: { paused: boolean }): Promise<Console | null> {
  const machine = await parts.machines.need(vmid);
  const { run, status } = await parts.machines.view(machine);
  // The ports of a guest that stands still would take a command all the same.
  if (status.state === 'paused' && !options.paused) return null;
  if (run === null || !('run' in run) || !isAlive(run.run.process)) return null;
  return parts.consoles.attach(machine, run.run.process);
}

async function needConsole(parts: Parts, vmid: number, options = { paused: false }): Promise<Console> {
  const console = await findConsole(parts, vmid, options);
  if (console) return console;
  throw new NakhodaError('guest.not-running', {
    message: `VM ${vmid} does not run, so nothing in it can answer.`,
    hint: 'Start the VM first.',
  });
}

/** See `SerialFacet`. */
export function createSerial(parts: Parts): SerialFacet {
  return {
    async open(_ctx, { vmid }) {
      const { hub } = await needConsole(parts, vmid, { paused: true });
      if (await hub.whenConnected(5000)) return hub.open();
      throw new NakhodaError('guest.not-running', {
        message: `VirtualBox does not answer on the serial port of VM ${vmid}.`,
        hint: 'Look at the VM again; it may be starting or stopping.',
      });
    },
  };
}

/** See `GuestFacet`: the guest agent on the second serial port, or the shell on the first. */
export function createGuest(parts: Parts): GuestFacet {
  const signalOf = (ctx: DriverContext): { signal: AbortSignal } => ({ signal: ctx.signal });
  const reach = async (ctx: DriverContext, vmid: number) => guestFacetCalls((await needConsole(parts, vmid)).access, ctx.signal);
  return {
    async ready(ctx, { vmid, timeoutSeconds }) {
      const console = await findConsole(parts, vmid, { paused: false });
      return console === null ? null : console.access.ready({ timeoutMs: timeoutSeconds * 1000, ...signalOf(ctx) });
    },
    async exec(ctx, { vmid, timeoutSeconds, ...command }) {
      const { access } = await needConsole(parts, vmid);
      return access.exec({ ...command, timeoutMs: timeoutSeconds * 1000, ...signalOf(ctx) });
    },
    async readFile(ctx, { vmid, path, maxBytes }) {
      return (await needConsole(parts, vmid)).access.readFile({ path, maxBytes, ...signalOf(ctx) });
    },
    async writeFile(ctx, { vmid, ...file }) {
      return (await needConsole(parts, vmid)).access.writeFile({ ...file, ...signalOf(ctx) });
    },
    async addresses(ctx, { vmid }) {
      const console = await findConsole(parts, vmid, { paused: false });
      return console === null ? [] : console.access.addresses(signalOf(ctx));
    },
    async facts(ctx, { vmid }) {
      const told = await (await reach(ctx, vmid)).facts();
      return told.via === null ? ((await additionsFacts(parts, ctx, vmid)) ?? told) : told;
    },
    freeze: async (ctx, { vmid }) => (await reach(ctx, vmid)).freeze(),
    thaw: async (ctx, { vmid }) => (await reach(ctx, vmid)).thaw(),
    setPassword: async (ctx, { vmid, ...password }) => (await reach(ctx, vmid)).setPassword(password),
    requestShutdown: async (ctx, { vmid }) => (await reach(ctx, vmid)).requestShutdown(),
  };
}

import type { GuestFacet, SerialFacet } from '@nakhoda/driver';
import { type GuestAccess, guestFacetCalls } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { Machine } from './machine.ts';

/** The first serial port of running VMs. */
export function createSerialFacet(find: (vmid: number) => Promise<Machine>): SerialFacet {
  return {
    async open(_ctx, { vmid }) {
      const machine = await find(vmid);
      const { hub } = machine;
      if (!hub) throw notRunningError(machine);
      await hub.whenConnected(2_000);
      return hub.open();
    },
  };
}

/** Commands and files in running guests. */
export function createGuestFacet(find: (vmid: number) => Promise<Machine>): GuestFacet {
  /** Null for a VM that does not run, and for one whose processors stand still: its ports would take a command all the same. */
  const access = async (machine: Machine): Promise<GuestAccess | null> => {
    const runState = machine.guest ? await machine.runState() : null;
    return runState === null || runState === 'running' ? machine.guest : null;
  };
  const reach = async (vmid: number): Promise<GuestAccess> => {
    const machine = await find(vmid);
    const guest = await access(machine);
    if (!guest) throw notRunningError(machine);
    return guest;
  };
  return {
    async ready({ signal }, { vmid, timeoutSeconds }) {
      const guest = await access(await find(vmid));
      return guest ? guest.ready({ timeoutMs: timeoutSeconds * 1000, signal }) : null;
    },
    async exec({ signal }, { vmid, timeoutSeconds, ...command }) {
      return (await reach(vmid)).exec({ ...command, timeoutMs: timeoutSeconds * 1000, signal });
    },
    async readFile({ signal }, { vmid, path, maxBytes }) {
      return (await reach(vmid)).readFile({ path, maxBytes, signal });
    },
    async writeFile({ signal }, { vmid, ...file }) {
      await (await reach(vmid)).writeFile({ ...file, signal });
    },
    async addresses({ signal }, { vmid }) {
      const guest = await access(await find(vmid));
      return guest ? guest.addresses({ signal }) : [];
    },
    facts: async ({ signal }, { vmid }) => guestFacetCalls(await reach(vmid), signal).facts(),
    freeze: async ({ signal }, { vmid }) => guestFacetCalls(await reach(vmid), signal).freeze(),
    thaw: async ({ signal }, { vmid }) => guestFacetCalls(await reach(vmid), signal).thaw(),
    setPassword: async ({ signal }, { vmid, ...password }) => guestFacetCalls(await reach(vmid), signal).setPassword(password),
    requestShutdown: async ({ signal }, { vmid }) => guestFacetCalls(await reach(vmid), signal).requestShutdown(),
  };
}

function notRunningError(machine: Machine): NakhodaError {
  return new NakhodaError('guest.not-running', {
    message: `VM ${machine.spec.name} does not run, so nothing in it can answer.`,
    hint: 'Start the VM first.',
  });
}

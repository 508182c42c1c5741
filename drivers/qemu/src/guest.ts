import type { GuestFacet, SerialFacet } from '@nakhoda/driver';
import type { GuestAccess } from '@nakhoda/host';
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
  const reach = async (vmid: number): Promise<GuestAccess> => {
    const machine = await find(vmid);
    if (!machine.guest) throw notRunningError(machine);
    return machine.guest;
  };
  return {
    async ready({ signal }, { vmid, timeoutSeconds }) {
      const { guest } = await find(vmid);
      return guest ? guest.ready({ timeoutMs: timeoutSeconds * 1000, signal }) : null;
    },
    async exec({ signal }, { vmid, argv, timeoutSeconds, onStdout, onStderr }) {
      return (await reach(vmid)).exec({ argv, timeoutMs: timeoutSeconds * 1000, onStdout, onStderr, signal });
    },
    async readFile({ signal }, { vmid, path, maxBytes }) {
      return (await reach(vmid)).readFile({ path, maxBytes, signal });
    },
    async writeFile({ signal }, { vmid, path, data }) {
      await (await reach(vmid)).writeFile({ path, data, signal });
    },
    async addresses({ signal }, { vmid }) {
      const { guest } = await find(vmid);
      return guest ? guest.addresses({ signal }) : [];
    },
  };
}

function notRunningError(machine: Machine): NakhodaError {
  return new NakhodaError('guest.not-running', {
    message: `VM ${machine.spec.name} does not run, so nothing in it can answer.`,
    hint: 'Start the VM first.',
  });
}

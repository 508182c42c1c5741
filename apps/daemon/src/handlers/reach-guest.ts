import type { GuestFacet } from '@nakhoda/driver';
import { allowsAction, NakhodaError } from '@nakhoda/schema';

import type { Services } from '../services/context.ts';

/** Seconds that a guest gets to say whether anybody in it answers. */
export const answerSeconds = 10;

/**
 * The way into a running guest.
 * @throws NakhodaError `vm.not-found`, `guest.not-running`, `vm.unsupported`
 */
export function reachGuest({ inventory, hypervisors }: Services, reference: string): { guest: GuestFacet; vmid: number; name: string } {
  const { vmid, name, hypervisor } = inventory.resolve(reference).spec;
  const state = inventory.state(vmid);
  if (!allowsAction(state, 'exec')) {
    throw new NakhodaError('guest.not-running', {
      message: `${name} is ${state}, so nothing in it can answer.`,
      hint: state === 'paused' ? `Let it go on first: nakhoda vm resume ${name}` : `Start it first: nakhoda vm start ${name}`,
    });
  }
  const { guest } = hypervisors.driver(hypervisor);
  if (guest) return { guest, vmid, name };
  throw new NakhodaError('vm.unsupported', {
    message: `${hypervisor} cannot reach into guests on this host.`,
    hint: `Use its console: nakhoda console ${name}`,
  });
}

export function silentGuestError(name: string): NakhodaError {
  return new NakhodaError('guest.no-agent', {
    message: `Neither a guest agent nor a serial shell answers in ${name}.`,
    hint: 'It may still be booting; otherwise install qemu-guest-agent in it.',
  });
}

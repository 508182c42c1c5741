import { freezeSeconds, guestFileLimitBytes } from '@nakhoda/schema';

import type { Handlers } from '../http/handlers.ts';
import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import { answerSeconds, reachGuest, silentGuestError } from './reach-guest.ts';

type GuestHandlers = Pick<
  Handlers,
  'vm.guest' | 'vm.file.read' | 'vm.file.write' | 'vm.guest.freeze' | 'vm.guest.thaw' | 'vm.guest.password'
>;

export function vmGuestHandlers(services: Services): GuestHandlers {
  const { freezes, log } = services;

  const answering = async (reference: string, signal: AbortSignal) => {
    const reached = reachGuest(services, reference);
    const ctx = quietContext(log, signal);
    const way = await reached.guest.ready(ctx, { vmid: reached.vmid, timeoutSeconds: answerSeconds });
    if (way === null) throw silentGuestError(reached.name);
    return { ...reached, ctx };
  };

  return {
    'vm.guest': async ({ params, signal }) => {
      const { guest, vmid } = reachGuest(services, params.vm);
      const facts = await guest.facts(quietContext(log, signal), { vmid });
      return { ...facts, observedAt: new Date().toISOString() };
    },

    'vm.file.read': async ({ params, query, signal }) => {
      const { guest, vmid, ctx } = await answering(params.vm, signal);
      const data = await guest.readFile(ctx, { vmid, path: query.path, maxBytes: guestFileLimitBytes });
      return { path: query.path, sizeBytes: data.length, data: Buffer.from(data).toString('base64') };
    },

    'vm.file.write': async ({ params, body, signal }) => {
      const { guest, vmid, ctx } = await answering(params.vm, signal);
      const data = Buffer.from(body.data, 'base64');
      await guest.writeFile(ctx, { vmid, path: body.path, data, ...(body.mode === undefined ? {} : { mode: body.mode }) });
      return { path: body.path, sizeBytes: data.length };
    },

    'vm.guest.freeze': async ({ params, body }) => {
      const { vmid } = reachGuest(services, params.vm);
      return freezes.freeze(vmid, body.seconds ?? freezeSeconds.usual);
    },
    'vm.guest.thaw': async ({ params }) => {
      const { vmid } = reachGuest(services, params.vm);
      return freezes.thaw(vmid);
    },

    'vm.guest.password': async ({ params, body, signal }) => {
      const { guest, vmid } = reachGuest(services, params.vm);
      const { user, password, crypted = false } = body;
      await guest.setPassword(quietContext(log, signal), { vmid, user, password, crypted });
      return { user };
    },
  };
}

import { type ConsoleKind, type EndpointId, endpoints, type Endpoint, NakhodaError } from '@nakhoda/schema';
import type { FastifyRequest } from 'fastify';

import type { ConsoleTickets } from '../console/console-tickets.ts';
import type { Gate } from '../http/build-server.ts';

/**
 * A gate that lets a WebSocket in with a console ticket instead of a login; everything else is the inner gate's.
 * A ticket that is not good is refused, whatever else came with it. Where the request comes from is checked first.
 * @param vmidOf the vmid of a VM by its name or vmid, or null when there is none
 */
export function ticketGate(inner: Gate, tickets: ConsoleTickets, vmidOf: (reference: string) => number | null): Gate {
  return async (request, permission) => {
    const shown = shownTicket(request);
    if (shown === null) return inner(request, permission);
    // The inner gate asks no login for `none`, but still turns foreign pages away.
    await inner(request, 'none');
    const { vm } = request.params as { vm?: string };
    const principal = tickets.redeem({ ...shown, vmid: vmidOf(vm ?? '') });
    if (principal !== null) return principal;
    throw new NakhodaError('auth.bad-ticket', {
      message: 'The console ticket does not open this console, or not any more.',
      hint: 'Get a new one with POST /api/v1/vms/{vm}/console-tickets; it works once, within 30 s.',
    });
  };
}

/** The ticket in the address of a WebSocket that takes tickets. */
function shownTicket(request: FastifyRequest): { ticket: string; kind: ConsoleKind } | null {
  const id: EndpointId | undefined = request.routeOptions.config.endpointId;
  const kind = id === undefined ? undefined : (endpoints[id] as Endpoint).ticket;
  const { ticket } = request.query as { ticket?: unknown };
  if (kind === undefined || ticket === undefined || !request.ws) return null;
  // Given twice it comes as a list, which is no ticket.
  return { ticket: typeof ticket === 'string' ? ticket : '', kind };
}

import { type ConsoleKind, NakhodaError } from '@nakhoda/schema';

import type { Principal } from '../auth/principal.ts';
import { equalSecrets, newSecret } from '../auth/secrets.ts';

/** How long a ticket may wait to be used, in milliseconds. */
export const ticketLifeMs = 30_000;
/** Tickets that may wait at the same time, in all and for one VM: nobody collects them. */
const mostTickets = 256;
const mostForVm = 16;

interface Ticket {
  readonly secret: string;
  readonly kind: ConsoleKind;
  readonly vmid: number;
  readonly principal: Principal;
  readonly endsAt: number;
}

/**
 * Tickets for consoles. A browser cannot send a header or a fresh proof with a WebSocket, but it can put a secret into
 * its address; so the secret lives 30 s, works once, and opens one kind of console of one VM. Kept in memory only.
 */
export interface ConsoleTickets {
  /** @throws NakhodaError `console.too-many` */
  issue(order: { kind: ConsoleKind; vmid: number; principal: Principal }): { ticket: string; expiresAt: string };
  /** Whoever the ticket was made for, or null when it does not open this. A ticket that was shown is gone in any case. */
  redeem(order: { ticket: string; kind: ConsoleKind; vmid: number | null }): Principal | null;
}

/** @param now milliseconds on a clock that does not go back */
export function createConsoleTickets(now: () => number = () => performance.now()): ConsoleTickets {
  let tickets: Ticket[] = [];
  const dropOld = (): void => {
    tickets = tickets.filter((ticket) => ticket.endsAt > now());
  };
  return {
    issue({ kind, vmid, principal }) {
      dropOld();
      const tooMany = tickets.length >= mostTickets || tickets.filter((ticket) => ticket.vmid === vmid).length >= mostForVm;
      if (tooMany) {
        throw new NakhodaError('console.too-many', {
          message: 'Too many console tickets were asked for and not used.',
          hint: `Use them, or wait: each ends after ${ticketLifeMs / 1000} s.`,
          details: { retryAfterSeconds: ticketLifeMs / 1000 },
        });
      }
      const secret = newSecret();
      tickets.push({ secret, kind, vmid, principal, endsAt: now() + ticketLifeMs });
      return { ticket: secret, expiresAt: new Date(Date.now() + ticketLifeMs).toISOString() };
    },
    redeem({ ticket, kind, vmid }) {
      dropOld();
      // All are compared, each in constant time: how long it takes tells nothing.
      const [match] = tickets.filter((candidate) => equalSecrets(candidate.secret, ticket));
      if (match === undefined) return null;
      tickets = tickets.filter((candidate) => candidate !== match);
      return match.kind === kind && match.vmid === vmid ? match.principal : null;
    },
  };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { localAdministrator, type Principal } from '../auth/principal.ts';
import { createConsoleTickets, ticketLifeMs } from './console-tickets.ts';

const principal: Principal = { kind: 'session', user: 'admin' };
const order = { kind: 'vnc', vmid: 100, principal } as const;

test('a ticket opens what it is for, once', () => {
  const tickets = createConsoleTickets();
  const { ticket, expiresAt } = tickets.issue(order);
  assert.match(ticket, /^[\w-]{43}$/u);
  assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - ticketLifeMs) < 5000);
  assert.equal(tickets.redeem({ ticket, kind: 'vnc', vmid: 100 }), principal);
  assert.equal(tickets.redeem({ ticket, kind: 'vnc', vmid: 100 }), null, 'a second time');
});

test('shown for another VM, another console or a VM that is none, it opens nothing and is gone', () => {
  for (const wrong of [
    { kind: 'vnc', vmid: 101 },
    { kind: 'serial', vmid: 100 },
    { kind: 'vnc', vmid: null },
  ] as const) {
    const tickets = createConsoleTickets();
    const { ticket } = tickets.issue(order);
    assert.equal(tickets.redeem({ ticket, ...wrong }), null);
    assert.equal(tickets.redeem({ ticket, kind: 'vnc', vmid: 100 }), null);
  }
});

test('what is no ticket opens nothing, and takes no ticket with it', () => {
  const tickets = createConsoleTickets();
  const { ticket } = tickets.issue(order);
  for (const text of ['', ticket.slice(1), `${ticket}x`, ticket.toLowerCase() === ticket ? 'x' : ticket.toLowerCase()])
    assert.equal(tickets.redeem({ ticket: text, kind: 'vnc', vmid: 100 }), null);
  assert.equal(tickets.redeem({ ticket, kind: 'vnc', vmid: 100 }), principal);
});

test('it ends after 30 s', () => {
  let time = 0;
  const tickets = createConsoleTickets(() => time);
  const first = tickets.issue(order).ticket;
  const second = tickets.issue({ ...order, principal: localAdministrator }).ticket;
  time = ticketLifeMs - 1;
  assert.equal(tickets.redeem({ ticket: first, kind: 'vnc', vmid: 100 }), principal);
  time = ticketLifeMs;
  assert.equal(tickets.redeem({ ticket: second, kind: 'vnc', vmid: 100 }), null);
});

test('only so many wait at the same time, for one VM and in all', () => {
  let time = 0;
  const tickets = createConsoleTickets(() => time);
  const fill = (vmid: number): void => {
    for (let count = 0; count < 16; count += 1) tickets.issue({ ...order, vmid });
  };
  fill(100);
  assert.throws(() => tickets.issue(order), { code: 'console.too-many' });
  for (let vmid = 101; vmid < 116; vmid += 1) fill(vmid);
  assert.throws(() => tickets.issue({ ...order, vmid: 200 }), { code: 'console.too-many' });
  time = ticketLifeMs;
  tickets.issue(order);
});

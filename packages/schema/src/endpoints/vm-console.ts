import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { Timestamp } from '../names.ts';
import { VmParams } from './vm.ts';

const closed = { additionalProperties: false } as const;

/** A VM's consoles: its screen with keyboard and mouse, and its first serial port. */
export const ConsoleKind = Type.Union([Type.Literal('vnc'), Type.Literal('serial')]);
export type ConsoleKind = Type.Static<typeof ConsoleKind>;

export const ConsoleTicket = Type.Object(
  {
    ticket: Type.String({ description: 'lets one WebSocket in, once, within its time' }),
    kind: ConsoleKind,
    expiresAt: Timestamp,
    websocket: Type.String({ description: 'path with the ticket, to be opened on the address that gave it' }),
  },
  closed,
);
export type ConsoleTicket = Type.Static<typeof ConsoleTicket>;

// Its form is checked with the ticket itself: what is no ticket must not show up in an error message.
const ticketQuery = Type.Object({ ticket: Type.Optional(Type.String({ description: 'from POST /vms/{vm}/console-tickets' })) }, closed);

const Pressed = Type.Object({ pressed: Type.Integer({ description: 'combinations of keys that were pressed' }) }, closed);

const KeyName = Type.String({
  pattern: '^[a-z0-9_]+(-[a-z0-9_]+){0,7}$',
  maxLength: 64,
  description: 'names of keys joined with hyphens, for example ctrl-alt-delete',
});

const displayErrors = [
  'vm.not-found',
  'vm.wrong-state',
  'vm.unsupported',
  'guest.not-running',
  'hypervisor.timeout',
  'hypervisor.failed',
] as const;

export const vmConsoleEndpoints = {
  'vm.console-ticket': endpoint({
    method: 'POST',
    path: '/vms/:vm/console-tickets',
    params: VmParams,
    body: Type.Object({ kind: ConsoleKind }, closed),
    result: ConsoleTicket,
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.unsupported', 'console.too-many'],
    permission: 'VM.Console',
    summary: 'Get a ticket that opens one console of a VM once, within 30 s',
  }),
  'vm.console': endpoint({
    method: 'GET',
    path: '/vms/:vm/console',
    params: VmParams,
    query: ticketQuery,
    result: Type.Unknown(),
    answer: 'websocket',
    ticket: 'serial',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.unsupported', 'auth.bad-ticket', 'console.too-many'],
    permission: 'VM.Console',
    summary: 'Open the serial console: binary frames both ways',
  }),
  'vm.vnc': endpoint({
    method: 'GET',
    path: '/vms/:vm/vnc',
    params: VmParams,
    query: ticketQuery,
    result: Type.Unknown(),
    answer: 'websocket',
    ticket: 'vnc',
    errors: [...displayErrors, 'console.failed', 'auth.bad-ticket', 'console.too-many'],
    permission: 'VM.Console',
    summary: 'Open the screen: the VNC protocol (RFB 3.8) in binary frames, without a password',
  }),
  'vm.screenshot': endpoint({
    method: 'GET',
    path: '/vms/:vm/screenshot',
    params: VmParams,
    result: Type.Unknown(),
    answer: 'png',
    errors: [...displayErrors, 'console.failed'],
    permission: 'VM.Console',
    summary: 'Get a picture of the screen as PNG',
  }),
  'vm.keys': endpoint({
    method: 'POST',
    path: '/vms/:vm/keys',
    params: VmParams,
    body: Type.Object({ keys: Type.Array(KeyName, { minItems: 1, maxItems: 100 }) }, closed),
    result: Pressed,
    errors: [...displayErrors, 'keyboard.unknown-key'],
    permission: 'VM.Console',
    summary: 'Press combinations of keys, one after another',
  }),
  'vm.type': endpoint({
    method: 'POST',
    path: '/vms/:vm/text',
    params: VmParams,
    body: Type.Object(
      {
        // Its length is checked by the keyboard, whose message does not quote it: it may be a password.
        text: Type.String({ description: 'up to 1000 characters of a US keyboard' }),
        enter: Type.Optional(Type.Boolean({ description: 'press Enter after it' })),
      },
      closed,
    ),
    result: Pressed,
    errors: [...displayErrors, 'keyboard.untypable'],
    permission: 'VM.Console',
    summary: "Type a text on the VM's keyboard",
    cli: { words: ['vm', 'type'], positional: ['vm', 'text'] },
  }),
};

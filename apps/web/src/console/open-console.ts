import type { ConsoleKind } from '@nakhoda/schema';
import { refusalProtocol } from '@nakhoda/schema/refusal-protocol';

import { api } from '../data/session.ts';
import { ConsoleChannel } from './console-channel.ts';

/**
 * Gets a ticket and opens a console with it. What ended it before it was ready is in the channel's `ready`.
 * @throws NakhodaError when there is no ticket
 */
export async function openConsole(vmid: number, kind: ConsoleKind, signal: AbortSignal): Promise<ConsoleChannel> {
  const ticket = await api.call('vm.console-ticket', { params: { vm: String(vmid) }, body: { kind }, signal });
  signal.throwIfAborted();
  const address = new URL(ticket.websocket, location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  // A serial port may be silent for hours; a VNC server speaks first.
  return new ConsoleChannel(new WebSocket(address, refusalProtocol), { silent: kind === 'serial' });
}

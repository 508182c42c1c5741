import { refusalProtocol } from '@nakhoda/schema';
import type { FastifyRequest } from 'fastify';

import type { SocketHandler } from './handlers.ts';
import { requestFault } from './request-fault.ts';

/** Of the codes that WebSockets keep for applications: the text frame before it says why. */
const refused = 4000;

/**
 * What a WebSocket that asks for it is refused with after its upgrade: a browser tells a page nothing of an upgrade that failed,
 * not even its status. Whoever has not logged in, or shows a bad ticket, does not get here.
 * @throws whatever was thrown, to a caller that did not ask
 */
export function refuseInside(request: FastifyRequest, thrown: unknown): SocketHandler {
  const offered = request.headers['sec-websocket-protocol']?.split(',') ?? [];
  if (!offered.some((name) => name.trim() === refusalProtocol)) throw thrown;
  const error = requestFault(thrown);
  request.log.warn({ err: error }, error.message);
  return (socket) => {
    socket.send(JSON.stringify({ ...error.toBody(), requestId: request.id }));
    socket.close(refused, error.code);
  };
}

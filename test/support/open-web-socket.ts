import { once } from 'node:events';

import type { VncConnection } from '@nakhoda/driver';
import { createWebSocketStream, WebSocket } from 'ws';

/**
 * Opens a WebSocket on a daemon's Unix socket, with no login but what the path has in it, and gives it paused, so that
 * nothing is missed. A refusal rejects.
 */
export async function openWebSocket(socketPath: string, path: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws+unix://${socketPath}:${path}`);
  socket.once('open', () => socket.pause());
  // A connection that ends with an error is seen by its end.
  const refused = new Promise<never>((_resolve, reject) => {
    socket.once('unexpected-response', (_request, answer) => reject(new Error(`refused with ${answer.statusCode}`)));
    socket.on('error', reject);
  });
  await Promise.race([once(socket, 'open'), refused]);
  return socket;
}

/** A VM's screen through the daemon, as a viewer in a browser gets it: without a password. */
export async function openVnc(socketPath: string, path: string): Promise<VncConnection> {
  return { stream: createWebSocketStream(await openWebSocket(socketPath, path)), password: null, server: 'the daemon' };
}

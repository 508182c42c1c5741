import type { Duplex } from 'node:stream';

import { welcomeRfbViewer } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';
import { createWebSocketStream, type WebSocket } from 'ws';

/** A viewer has so long for the handshake, in milliseconds; a browser needs three round trips. */
const handshakeTimeoutMs = 15_000;

/**
 * Joins a viewer's WebSocket with a VNC server that has let the daemon in. The viewer is asked for no password: whoever
 * got this far may look. Bytes are passed on as fast as the slower side takes them: a viewer that does not read stops
 * the reading from the server, and what waits here stays below a few hundred KiB.
 * @param upstream before ClientInit; it is destroyed at the end
 * @param goodbye what the viewer is told when the server has gone
 */
export async function bridgeVnc(socket: WebSocket, upstream: Duplex, goodbye: string): Promise<void> {
  const viewer = createWebSocketStream(socket);
  const gone = new AbortController();
  viewer.on('error', () => undefined);
  viewer.once('close', () => {
    gone.abort(new Error('the viewer has left'));
    upstream.destroy();
  });
  upstream.on('error', () => undefined);
  upstream.once('end', () => upstream.destroy());
  upstream.once('close', () => socket.close(1000, goodbye));
  try {
    await welcomeRfbViewer(viewer, { timeoutMs: handshakeTimeoutMs, signal: gone.signal });
  } catch (error) {
    upstream.destroy();
    // A close frame's reason may have 123 bytes.
    if (!gone.signal.aborted) socket.close(1002, Buffer.from(toNakhodaError(error).message).subarray(0, 120).toString());
    return;
  }
  viewer.pipe(upstream);
  upstream.pipe(viewer, { end: false });
}

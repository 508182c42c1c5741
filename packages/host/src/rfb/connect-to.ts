import { createConnection, type NetConnectOpts, type Socket } from 'node:net';

/**
 * A connection that stands, paused. Rejects with Node's error when nobody listens there, with the signal's reason when
 * that is aborted first.
 */
export async function connectTo(address: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = createConnection(address);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const onAbort = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    resolve(socket);
  });
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

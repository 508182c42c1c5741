import type { WebSocket } from 'ws';

import { errorOf, readText, unreachable, type Target } from './transport.ts';

/** Opens a WebSocket and gives it when it is open, paused, for the caller to listen and `resume()`; a refusal is thrown as the error that the daemon answered. */
export async function openConsole(target: Target, path: string): Promise<WebSocket> {
  const { WebSocket: Socket } = await import('ws');
  const socket =
    'socketPath' in target
      ? new Socket(`ws+unix://${target.socketPath}:${path}`)
      : new Socket(new URL(path, target.url.replace(/^http/u, 'ws')), {
          headers: { Authorization: `Bearer ${target.token}` },
          ...(target.ca === undefined ? {} : { ca: target.ca }),
        });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.removeAllListeners('error');
      // Messages that come right behind the upgrade wait until the caller listens.
      socket.pause();
      resolve(socket);
    });
    socket.once('unexpected-response', (_request, answer) => {
      readText(target, answer).then((text) => reject(errorOf(text)), reject);
    });
    socket.once('error', (cause) => reject(unreachable(target, cause)));
  });
}

import type { SerialSession } from '@nakhoda/driver';
import type { WebSocket } from 'ws';

/** Output that may wait for a viewer, in bytes. A port cannot be held up for one of its viewers, so a slow one is dropped. */
const mostWaiting = 4 * 1024 * 1024;

/** Joins a WebSocket with a session on a serial port; `goodbye` is said when the port is gone. */
export function bridgeSerial(socket: WebSocket, session: SerialSession, backlog: Uint8Array, goodbye: string): void {
  if (backlog.length > 0) socket.send(backlog);
  session.onData((data) => {
    if (socket.bufferedAmount <= mostWaiting) {
      socket.send(data);
      return;
    }
    session.close();
    // It would not read a goodbye either.
    socket.terminate();
  });
  session.onClose(() => socket.close(1000, goodbye));
  socket.on('message', (data, isBinary) => {
    if (isBinary && data instanceof Buffer) session.write(data);
  });
  socket.on('close', () => session.close());
}

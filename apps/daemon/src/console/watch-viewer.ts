import type { WebSocket } from 'ws';

/** Milliseconds between two pings. They also keep proxies from closing a silent connection. */
const pingEveryMs = 30_000;
/** Pings that may go unanswered: a viewer that has vanished, or reads nothing at all, is let go after 90 s. */
const mostUnanswered = 2;

/** Lets go of a viewer that answers no more. */
export function watchViewer(socket: WebSocket, everyMs: number = pingEveryMs): void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered >= mostUnanswered) return socket.terminate();
    unanswered += 1;
    socket.ping();
  }, everyMs);
  timer.unref();
  socket.on('pong', () => {
    unanswered = 0;
  });
  socket.once('close', () => clearInterval(timer));
}

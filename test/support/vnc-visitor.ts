// Looks at a VM's screen over a daemon's HTTPS address, as a page in a browser would, with nothing but a ticket:
// `vnc-visitor.ts URL PATH`, to be run in the daemon's network namespace. Prints what it saw as JSON.
import { countColours, RfbViewer } from '@nakhoda/driver/contract';
import { createWebSocketStream, WebSocket } from 'ws';

/** What the visit found; `status` is 101 when the ticket was let in. */
export interface VncVisit {
  status: number;
  width: number;
  height: number;
  colours: number;
}

const [url = '', path = ''] = process.argv.slice(2);
// The certificate is the daemon's own.
const socket = new WebSocket(new URL(path, url.replace('https:', 'wss:')), { origin: url, rejectUnauthorized: false });
const refused = new Promise<VncVisit>((resolve, reject) => {
  socket.once('unexpected-response', (_request, answer) => resolve({ status: answer.statusCode ?? 0, width: 0, height: 0, colours: 0 }));
  socket.on('error', reject);
});
const look = async (): Promise<VncVisit> => {
  const viewer = await RfbViewer.open({ stream: createWebSocketStream(socket), password: null, server: 'the daemon' }, 30);
  const frame = await viewer.frame();
  viewer.close();
  return { status: 101, width: frame.width, height: frame.height, colours: countColours(frame) };
};
process.stdout.write(JSON.stringify(await Promise.race([look(), refused])));
process.exit(0);

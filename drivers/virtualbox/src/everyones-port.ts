import { createServer } from 'node:net';

import { withKeyedLock } from '@nakhoda/host';

/** Where libvncserver, which VirtualBox's VNC pack is made of, listens besides: on every IPv6 address. */
const everyonesPort = 5900;

/**
 * Switches a VNC server on while port 5900 of every IPv6 address is held, which VirtualBox would open otherwise: its
 * pack sets an address and a port for IPv4 alone (VBoxVNC.cpp, 7.2), and the library listens with its own defaults for
 * IPv6 (seen with libvncserver 0.9.15). It does so once, when the server is switched on, and does without when somebody
 * has the port. A listener on ::1 is enough, and nobody from outside can reach it. Where another program has the port,
 * or IPv6 is off, there is nothing to hold. The caller looks afterwards where the server listens.
 */
export async function withEveryonesPortHeld<T>(switchOn: () => Promise<T>): Promise<T> {
  return withKeyedLock(`port ${everyonesPort} on ::1`, async () => {
    const guard = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => {
      guard.once('error', () => resolve());
      guard.listen({ host: '::1', port: everyonesPort, ipv6Only: true }, () => resolve());
    });
    try {
      return await switchOn();
    } finally {
      await new Promise<void>((resolve) => void guard.close(() => resolve()));
    }
  });
}

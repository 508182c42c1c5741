import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';

import { socketInodesOf } from './socket-inodes.ts';

/** The local ports of rows in /proc/PID/net/udp whose socket is one of `inodes` (proc_pid_net(5)). */
export function parseUdpPorts(table: string, inodes: ReadonlySet<string>): number[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [, local = ''] = fields;
      const inode = fields[9];
      return inode !== undefined && inodes.has(inode) ? [Number.parseInt(local.slice(local.indexOf(':') + 1), 16)] : [];
    });
}

/** The IPv4 UDP ports that a process has bound; empty when it is gone or may not be looked at. */
export async function udpPortsOf(pid: number): Promise<number[]> {
  try {
    return parseUdpPorts(await readFile(`/proc/${pid}/net/udp`, 'utf8'), await socketInodesOf(pid));
  } catch {
    return [];
  }
}

/** Whether a UDP port can be bound on all IPv4 addresses right now. */
export async function isUdpPortFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('error', () => resolve(false));
  socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => resolve(true));
  const free = await promise;
  const closed = new Promise<void>((done) => socket.close(() => done()));
  await closed;
  return free;
}

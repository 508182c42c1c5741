import { createSocket } from 'node:dgram';
import { readdir, readFile, readlink } from 'node:fs/promises';

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
    const inodes = new Set<string>();
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
    return parseUdpPorts(await readFile(`/proc/${pid}/net/udp`, 'utf8'), inodes);
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

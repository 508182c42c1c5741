import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

import { socketInodesOf } from './socket-inodes.ts';

/** Where somebody listens for TCP connections. */
export interface TcpListener {
  family: 4 | 6;
  /** IPv4 dotted; IPv6 as its 32 hexadecimal digits, zeros for every address. */
  address: string;
  port: number;
}

/** State `LISTEN` in the kernel's tables (include/net/tcp_states.h). */
const listening = '0A';

/** The listeners in /proc/PID/net/tcp or tcp6 whose socket is one of `inodes` (proc_pid_net(5)). */
export function parseTcpListeners(table: string, family: 4 | 6, inodes: ReadonlySet<string>): TcpListener[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [, local = '', , state] = fields;
      const inode = fields[9];
      if (state !== listening || inode === undefined || !inodes.has(inode)) return [];
      const [address = '', port = ''] = local.split(':');
      return [{ family, address: family === 4 ? dotted(address) : words(address), port: Number.parseInt(port, 16) }];
    });
}

/** The kernel prints addresses as numbers in the processor's byte order, which is little-endian on x86. */
function dotted(hex: string): string {
  return bytesOf(hex)
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function words(hex: string): string {
  return (hex.match(/.{8}/g) ?? []).flatMap(bytesOf).join('').toLowerCase();
}

function bytesOf(word: string): string[] {
  return (word.match(/../g) ?? []).toReversed();
}

/** Where a process listens for TCP connections. Rejects when it is gone or may not be looked at. */
export async function tcpListenersOf(pid: number): Promise<TcpListener[]> {
  const inodes = await socketInodesOf(pid);
  const read = async (name: string): Promise<string> => readFile(`/proc/${pid}/net/${name}`, 'utf8');
  // Without IPv6 in the kernel there is no such table.
  const tcp6 = await read('tcp6').catch(() => '');
  return [...parseTcpListeners(await read('tcp'), 4, inodes), ...parseTcpListeners(tcp6, 6, inodes)];
}

/**
 * A TCP port on 127.0.0.1 that nobody listens on, by chance, from a range below the kernel's for outgoing connections
 * (32768 and up). Nothing keeps it free: whoever has it bound must look afterwards whether it got it.
 * @returns null when none was found
 */
export async function pickLoopbackPort(
  options: { isFree?: (port: number) => Promise<boolean>; from?: number; to?: number; random?: () => number } = {},
): Promise<number | null> {
  const { isFree = isLoopbackPortFree, from = 30_000, to = 32_767, random = Math.random } = options;
  const count = to - from + 1;
  const first = Math.floor(random() * count);
  for (let step = 0; step < count; step += 1) {
    const port = from + ((first + step) % count);
    if (await isFree(port)) return port;
  }
  return null;
}

async function isLoopbackPortFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once('error', () => resolve(false));
  server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(true));
  const free = await promise;
  if (free) await new Promise<void>((done) => server.close(() => done()));
  return free;
}

import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';

import { NakhodaError } from '@nakhoda/schema';
import type { FastifyInstance } from 'fastify';

/**
 * Listens for HTTPS and gives the address that a person opens: with the host's first address of its own when it
 * listens on all of them. Port 0 lets the kernel choose. Throws `setup.failed` when the port cannot be had.
 */
export async function listenOnTls(server: FastifyInstance, place: { host: string; port: number }): Promise<string> {
  try {
    await server.listen({ ...place, listenTextResolver: (address) => `HTTPS listens on ${address.replace(/^\w+:\/\//u, '')}` });
  } catch (cause) {
    throw portError(place, cause);
  }
  const { address, port } = server.server.address() as AddressInfo;
  const shown = ['0.0.0.0', '::'].includes(address) ? (ownAddress() ?? 'localhost') : address;
  return `https://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
}

function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((entry) => entry.family === 'IPv4' && !entry.internal)?.address;
}

function portError({ host, port }: { host: string; port: number }, cause: unknown): NakhodaError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why =
    code === 'EADDRINUSE'
      ? 'another program has it'
      : code === 'EACCES'
        ? 'ports below 1024 are for root'
        : code === 'EADDRNOTAVAIL'
          ? 'the host does not have this address'
          : String(cause instanceof Error ? cause.message : cause);
  return new NakhodaError('setup.failed', {
    message: `HTTPS cannot listen on ${host} port ${port}: ${why}.`,
    hint: 'Choose another one with --port or --host.',
    cause,
  });
}

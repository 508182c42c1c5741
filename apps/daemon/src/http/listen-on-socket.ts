import { rm } from 'node:fs/promises';
import { connect } from 'node:net';

import { NakhodaError } from '@nakhoda/schema';
import type { FastifyInstance } from 'fastify';

/** `sun_path` of unix(7) holds 108 bytes, the closing zero byte included. */
const longestSocketPath = 107;

/**
 * Listens on a Unix socket with mode 0600. A socket file that a killed daemon left is replaced; one that answers
 * is `daemon.already-running`.
 */
export async function listenOnSocket(server: FastifyInstance, path: string): Promise<void> {
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw new NakhodaError('setup.failed', {
      message: `The socket's path ${path} is longer than the ${longestSocketPath} bytes that Linux allows.`,
      hint: 'Choose a data folder with a shorter path.',
    });
  }
  if (await answers(path)) {
    throw new NakhodaError('daemon.already-running', {
      message: `Another daemon answers on ${path}.`,
      hint: 'Stop it with `nakhoda down`, or choose another data folder.',
    });
  }
  await rm(path, { force: true });
  await server.listen({ path, listenTextResolver: () => `the local administrator's socket is ${path}` });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

import type { Duplex } from 'node:stream';

import { NakhodaError } from '@nakhoda/schema';

import { readExactly } from './read-exactly.ts';
import { answerChallenge } from './vnc-challenge.ts';

const protocolVersion = 'RFB 003.008\n';
/** Security types (RFC 6143, 7.1.2). */
const noAuthentication = 1;
const vncAuthentication = 2;
/** A refusal's reason is read up to so many bytes. */
const longestReason = 4096;

export interface HandshakeOptions {
  /** Milliseconds for the whole handshake. */
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Takes a fresh connection to a VNC server through version and security (RFB 3.8, RFC 6143), up to the point where the
 * client sends ClientInit. The stream stays paused, and nothing behind that point is read. It is destroyed on failure.
 * @param options.server who serves, as messages name it: "QEMU's VNC server"
 * @param options.password null where the server asks for none
 * @throws NakhodaError `console.failed` naming the server and what it did; `hypervisor.timeout`
 */
export async function logInToRfb(stream: Duplex, options: HandshakeOptions & { server: string; password: string | null }): Promise<void> {
  await using undo = new AsyncDisposableStack();
  undo.defer(() => void stream.destroy());
  await shake(stream, options, options.server, async (signal) => {
    const version = (await readExactly(stream, 12, signal)).toString('latin1');
    if (version !== protocolVersion) throw refusal(options.server, `it speaks ${JSON.stringify(version)}, not RFB 3.8`);
    stream.write(protocolVersion);
    const count = (await readExactly(stream, 1, signal)).readUInt8();
    if (count === 0) throw refusal(options.server, await readReason(stream, signal));
    const types = [...(await readExactly(stream, count, signal))];
    const wanted = options.password === null ? noAuthentication : vncAuthentication;
    // A server that lets everybody in although a password was set is not the one that was meant.
    if (!types.includes(wanted)) throw refusal(options.server, `it offers the security types ${types.join(', ')}, and ${wanted} is needed`);
    stream.write(Buffer.from([wanted]));
    if (options.password !== null) stream.write(answerChallenge(await readExactly(stream, 16, signal), options.password));
    if ((await readExactly(stream, 4, signal)).readUInt32BE() !== 0) throw refusal(options.server, await readReason(stream, signal));
  });
  undo.move();
}

/**
 * Plays the server towards a viewer, who needs no password, up to the point where the viewer sends ClientInit.
 * Old viewers are spoken to as they are used to (RFC 6143, appendix A). On failure the stream is left to the caller, who
 * may have a goodbye to say.
 */
export async function welcomeRfbViewer(stream: Duplex, options: HandshakeOptions): Promise<void> {
  await shake(stream, options, 'the viewer', async (signal) => {
    stream.write(protocolVersion);
    const version = /^RFB 003\.(\d{3})\n$/.exec((await readExactly(stream, 12, signal)).toString('latin1'))?.[1];
    if (version === undefined) throw refusal('the viewer', 'it does not speak RFB 3');
    if (Number(version) < 7) {
      stream.write(Buffer.from([0, 0, 0, noAuthentication]));
      return;
    }
    stream.write(Buffer.from([1, noAuthentication]));
    const chosen = (await readExactly(stream, 1, signal)).readUInt8();
    if (chosen !== noAuthentication) throw refusal('the viewer', `it chose security type ${chosen}, which was not offered`);
    // Before 3.8 there is no result where there is no authentication.
    if (Number(version) >= 8) stream.write(Buffer.alloc(4));
  });
}

async function shake(stream: Duplex, options: HandshakeOptions, who: string, steps: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const late = AbortSignal.timeout(options.timeoutMs);
  // Between two reads nobody else listens for it.
  const ignore = (): void => undefined;
  stream.on('error', ignore);
  try {
    await steps(AbortSignal.any([late, options.signal]));
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof NakhodaError) throw error;
    if (late.aborted) {
      throw new NakhodaError('hypervisor.timeout', {
        message: `The VNC handshake was not finished within ${options.timeoutMs / 1000} s: ${who} did not answer.`,
        hint: 'Try again; if it happens again, look at the state of the VM.',
        cause: error,
      });
    }
    throw refusal(who, error instanceof Error ? error.message : String(error), error);
  } finally {
    stream.off('error', ignore);
  }
}

async function readReason(stream: Duplex, signal: AbortSignal): Promise<string> {
  const length = Math.min((await readExactly(stream, 4, signal)).readUInt32BE(), longestReason);
  return length === 0 ? 'it gave no reason' : (await readExactly(stream, length, signal)).toString('utf8');
}

function refusal(who: string, why: string, cause?: unknown): NakhodaError {
  return new NakhodaError('console.failed', {
    message: `No VNC connection: ${who} refused or broke the handshake: ${why}.`,
    hint: 'Try again; if it happens again, look at the state of the VM.',
    ...(cause === undefined ? {} : { cause }),
  });
}

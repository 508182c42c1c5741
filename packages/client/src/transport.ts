import type { ClientRequest, IncomingMessage } from 'node:http';

import { NakhodaError, fromErrorBody, type ErrorBody } from '@nakhoda/schema/errors';

// An `import` of node:http asks for all of its exports at once, some of which load a second HTTP client (undici): 20 ms of a
// short command (Node 26).
const { request: requestHttp } = process.getBuiltinModule('node:http');

/** Where the daemon is: its Unix socket on this host, or its HTTPS address with a bearer token. */
export type Target =
  | { readonly socketPath: string }
  | {
      /** For example `https://host:8006`. */
      readonly url: string;
      readonly token: string;
      /** PEM: the daemon's own certificate, when no authority has signed it. */
      readonly ca?: string;
    };

export interface SentRequest {
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Sends a request and gives the answer when its headers are there. An answer with an error status is thrown. */
export async function send(target: Target, request: SentRequest): Promise<IncomingMessage> {
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers = {
    ...request.headers,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
    ...('token' in target ? { Authorization: `Bearer ${target.token}` } : {}),
  };
  const options = { method: request.method, headers, ...(request.signal ? { signal: request.signal } : {}) };
  const open = await opener(target, request.path, options);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = open();
    sent.once('response', resolve);
    sent.once('error', (cause) => reject(request.signal?.aborted ? abortReason(request.signal, cause) : unreachable(target, cause)));
    sent.end(body);
  });
  if ((answer.statusCode ?? 0) < 400) return answer;
  const text = await readText(target, answer);
  // The HTTP server itself answers so while it closes.
  if (answer.statusCode === 503 && parseErrorBody(text) === null) throw unreachable(target, new Error('it is stopping'));
  throw errorOf(text);
}

async function opener(target: Target, path: string, options: object): Promise<() => ClientRequest> {
  if ('socketPath' in target) return () => requestHttp({ ...options, socketPath: target.socketPath, path });
  // Loaded only where it is needed: the command line on the host itself has no use for TLS.
  const { request } = await import('node:https');
  return () => request(new URL(path, target.url), { ...options, ...(target.ca === undefined ? {} : { ca: target.ca }) });
}

/** The whole answer as text. */
export async function readText(target: Target, answer: IncomingMessage): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  try {
    for await (const piece of answer) text += String(piece);
  } catch (cause) {
    throw unreachable(target, cause);
  }
  return text;
}

/** The whole answer as it is. */
export async function readBytes(target: Target, answer: IncomingMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of answer) pieces.push(piece as Uint8Array);
  } catch (cause) {
    throw unreachable(target, cause);
  }
  return Buffer.concat(pieces);
}

/** The error that an answer's text stands for. */
export function errorOf(text: string): NakhodaError {
  const body = parseErrorBody(text);
  if (body === null) {
    return new NakhodaError('internal', {
      message: 'What answered is not the API of a Nakhoda daemon.',
      hint: 'Check the address.',
    });
  }
  const hint = body.code === 'internal' && body.requestId !== undefined ? `${body.hint} Its request id is ${body.requestId}.` : body.hint;
  return fromErrorBody({ ...body, hint });
}

function parseErrorBody(text: string): ErrorBody | null {
  try {
    const body: unknown = JSON.parse(text);
    const isError = typeof body === 'object' && body !== null && 'code' in body && 'message' in body && 'hint' in body;
    return isError ? (body as ErrorBody) : null;
  } catch {
    return null;
  }
}

/** The error for a connection that could not be made, or broke. */
export function unreachable(target: Target, cause: unknown): NakhodaError {
  const { code = '', message } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : { message: String(cause) };
  const place = 'socketPath' in target ? target.socketPath : target.url;
  const error = (text: string, hint: string) => new NakhodaError('daemon.unreachable', { message: text, hint, cause });
  if ('socketPath' in target && (code === 'ENOENT' || code === 'ECONNREFUSED')) {
    return error(
      `No daemon answers on ${place}.`,
      'Start one with `./nakhoda up --detach`; if it uses another data folder, name that with --data or NAKHODA_DATA.',
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return error(`This user may not use ${place}.`, 'Run the command as the user that started the daemon, for example with sudo.');
  }
  if (code.startsWith('ERR_TLS') || code.includes('SELF_SIGNED') || code.startsWith('CERT_') || code.includes('VERIFY')) {
    return error(`The certificate of ${place} is not trusted (${code}).`, "Give the daemon's certificate as the client's authority.");
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || message === 'aborted') {
    return error(
      `The connection to the daemon at ${place} broke.`,
      'See whether the daemon still runs; its log is in the data folder, log/daemon.log.',
    );
  }
  return error(`The daemon at ${place} cannot be reached: ${message}.`, 'Check the address and that the daemon runs.');
}

function abortReason(signal: AbortSignal, cause: unknown): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause });
}

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

import websocket from '@fastify/websocket';
import { NakhodaError, endpoints, type EndpointId, type Permission } from '@nakhoda/schema';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

import type { Principal } from '../auth/principal.ts';
import { apiPrefix } from './api-prefix.ts';
import type { Handlers } from './handlers.ts';
import { requestFault } from './request-fault.ts';
import { addRoutes } from './routes.ts';
import { dataPolicy, securityHeaders } from './security-headers.ts';
import { serverFactory, type TlsMaterial } from './server-factory.ts';
import { addStaticFiles } from './static-files.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The endpoint that a route was made from. */
    endpointId?: EndpointId;
    /** True for the page's files alone: what is not marked is behind the gate. */
    public?: boolean;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/**
 * Decides who sends a request, before anything else of it is looked at. Null only where `permission` is `none`.
 * Throws `auth.required` or `auth.csrf` to turn it away.
 */
export type Gate = (request: FastifyRequest, permission: Permission) => Promise<Principal | null>;

export interface ServerOptions {
  readonly handlers: Handlers;
  /** Lets requests in: the local administrator's gate on the Unix socket, the login's gate on HTTPS. */
  readonly gate: Gate;
  /** Given for HTTPS; without it the server speaks plain HTTP, which is for the Unix socket. */
  readonly tls?: TlsMaterial;
  /** Folder of the page's files, served outside `/api` without login. */
  readonly staticFolder?: string;
  readonly log?: FastifyBaseLogger;
}

const bodyLimitBytes = 1_048_576;
const goodbyeMs = 1000;

/**
 * The server, with one route for every endpoint of the table. It is used twice: HTTPS for people and programs,
 * plain HTTP on the Unix socket for the local administrator. Nothing listens yet.
 */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const server: FastifyInstance = Fastify({
    ...(options.log ? { loggerInstance: options.log } : { logger: false }),
    serverFactory: serverFactory(options.tls),
    genReqId: () => `r${randomBytes(8).toString('hex')}`,
    // An id from outside would end up in headers and in the log.
    requestIdHeader: false,
    trustProxy: false,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    routerOptions: { maxParamLength: 16_384 },
    exposeHeadRoutes: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false, verbose: true } },
    frameworkErrors: (error, request, reply) => sendError(error, request, reply),
    clientErrorHandler: refuseBrokenHttp,
  });

  // Before our own hooks: it marks upgrades, and closes the connection of each that is refused.
  await server.register(websocket, { options: { maxPayload: bodyLimitBytes }, preClose: closeSockets });
  server.decorateRequest('principal', null);
  server.removeContentTypeParser('text/plain');
  server.setErrorHandler(sendError);
  server.setNotFoundHandler(() => {
    throw new NakhodaError('request.not-found', {
      message: 'There is nothing at this address.',
      hint: `Every address of the API is in docs/openapi.json and begins with ${apiPrefix}.`,
    });
  });

  server.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...securityHeaders, 'X-Request-Id': request.id });
    const { endpointId, public: isPublic } = request.routeOptions.config;
    if (isPublic === true) return;
    reply.headers({ 'Content-Security-Policy': dataPolicy, 'Cache-Control': 'no-store' });
    // An unknown address asks for a login as well: strangers learn nothing.
    request.principal = await options.gate(request, endpointId === undefined ? 'Sys.Audit' : endpoints[endpointId].permission);
  });
  server.addHook('onResponse', async (request, reply) => {
    request.log.info({
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
      user: request.principal?.user ?? null,
    });
  });

  addRoutes(server, options.handlers);
  if (options.staticFolder !== undefined) await addStaticFiles(server, options.staticFolder);
  return server;
}

/** Says goodbye to every WebSocket, and does not wait for those that do not answer. */
function closeSockets(this: FastifyInstance, done: () => void): void {
  for (const client of this.websocketServer.clients) {
    client.close(1001, 'The daemon stops.');
    setTimeout(() => client.terminate(), goodbyeMs).unref();
  }
  this.websocketServer.close(() => done());
}

/** For bytes that are not HTTP, or headers beyond Node's 16 KiB: there is no request yet to reply to. */
function refuseBrokenHttp(_error: Error, socket: Socket): void {
  if (!socket.writable) return;
  const body = JSON.stringify(
    new NakhodaError('request.invalid', {
      message: 'The request is not valid HTTP, or its headers are too large.',
      hint: 'Send HTTP/1.1 with less than 16 KiB of headers, over HTTPS where the address says so.',
    }).toBody(),
  );
  const headers = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
}

function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = requestFault(thrown);
  // The logger writes the chain of causes, which are never sent.
  if (error.status >= 500) request.log.error({ err: error }, error.message);
  else request.log.info({ code: error.code }, error.message);
  const retryAfter = error.details?.['retryAfterSeconds'];
  if (typeof retryAfter === 'number') reply.header('Retry-After', String(retryAfter));
  const taskId = error.details?.['taskId'];
  void reply
    .headers({ ...securityHeaders, 'X-Request-Id': request.id, 'Content-Security-Policy': dataPolicy, 'Cache-Control': 'no-store' })
    .code(error.status)
    .type('application/json; charset=utf-8')
    .send({ ...error.toBody(), requestId: request.id, ...(typeof taskId === 'string' ? { taskId } : {}) });
}

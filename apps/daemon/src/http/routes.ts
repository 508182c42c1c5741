import { Readable } from 'node:stream';

import type { WebSocket } from '@fastify/websocket';
import { NakhodaError, endpoints, type Endpoint, type EndpointId, type FieldSchema, type NakhodaEvent } from '@nakhoda/schema';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { apiPrefix } from './api-prefix.ts';
import type { Handlers, SocketHandler } from './handlers.ts';
import { refuseInside } from './refuse-inside.ts';
import { requestFault } from './request-fault.ts';
import { documentPolicy } from './security-headers.ts';
import { eventLines, ndjsonLines } from './streams.ts';

/** What handlers are called with and answer, once the mapped type has checked each against its record. */
type AnyHandler = (request: object) => Promise<unknown>;

const socketHandlers = new WeakMap<FastifyRequest, { attach: SocketHandler; gone: AbortController }>();
const nothing = { type: 'object', properties: {}, additionalProperties: false } as const;

/** Adds one route for every endpoint of the table, and keeps the rest of `/api` for the not-found answer. */
export function addRoutes(server: FastifyInstance, handlers: Handlers): void {
  const closing = new AbortController();
  server.addHook('preClose', (done) => {
    closing.abort(new Error('the server closes'));
    done();
  });
  for (const id of Object.keys(endpoints) as EndpointId[]) {
    addRoute(server, id, endpoints[id], handlers[id] as AnyHandler, closing.signal);
  }
  const notFound = (_request: FastifyRequest, reply: FastifyReply) => {
    reply.callNotFound();
  };
  for (const url of ['/api', '/api/*', '/api2', '/api2/*'])
    server.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], url, handler: notFound });
}

function addRoute(server: FastifyInstance, id: EndpointId, endpoint: Endpoint, handler: AnyHandler, closing: AbortSignal): void {
  const takesBody = endpoint.method !== 'GET';
  const isSocket = endpoint.answer === 'websocket';
  server.route({
    method: endpoint.method,
    url: `${apiPrefix}${endpoint.path}`,
    config: { endpointId: id },
    schema: {
      params: endpoint.params ?? nothing,
      querystring: endpoint.query ?? nothing,
      ...(takesBody ? { body: endpoint.body ?? nothing } : {}),
    },
    preValidation: async (request) => {
      // No body at all is the same as one without fields.
      if (takesBody && request.body === undefined) request.body = {};
      request.query = readQuery(request.query as Record<string, unknown>, endpoint.query?.properties ?? {});
    },
    handler: async (request, reply) => {
      if (isSocket) {
        throw new NakhodaError('request.invalid', {
          message: 'This address answers WebSocket connections only.',
          hint: 'Connect with a WebSocket client, or run `nakhoda console`.',
        });
      }
      const gone = leaveSignal(reply, closing);
      return sendAnswer(endpoint, await handler(handlerRequest(request, reply, gone)), request, reply, gone);
    },
    ...(isSocket
      ? {
          // Refusals come before the upgrade, so that the caller gets status and error body; a page's viewer sees neither.
          preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
            if (!request.ws) return;
            const gone = new AbortController();
            const leave = (): void => gone.abort(new Error('the caller has left'));
            request.raw.socket.once('close', leave);
            if (request.raw.socket.destroyed) leave();
            const signal = AbortSignal.any([gone.signal, closing]);
            const attach = await handler(handlerRequest(request, reply, signal)).catch((thrown: unknown) => refuseInside(request, thrown));
            socketHandlers.set(request, { attach: attach as SocketHandler, gone });
          },
          wsHandler: async (socket: WebSocket, request: FastifyRequest) => {
            await socketHandlers.get(request)?.attach(socket);
          },
        }
      : {}),
  });
}

/** Numbers, yes and no arrive as text in a query string; what is none of them is left as it came, for the validator to refuse. */
function readQuery(query: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, FieldSchema>>): Record<string, unknown> {
  const isNumber = (name: string, value: unknown): value is string =>
    ['integer', 'number'].includes(fields[name]?.type ?? '') && typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/u.test(value);
  const isTruth = (name: string, value: unknown): boolean => fields[name]?.type === 'boolean' && (value === 'true' || value === 'false');
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [
      name,
      isNumber(name, value) ? Number(value) : isTruth(name, value) ? value === 'true' : value,
    ]),
  );
}

function leaveSignal(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('the caller has left'));
  });
  return AbortSignal.any([gone.signal, closing]);
}

function handlerRequest(request: FastifyRequest, reply: FastifyReply, signal: AbortSignal): object {
  const lastEventId = request.headers['last-event-id'];
  return {
    params: request.params,
    query: request.query,
    body: request.body,
    principal: request.principal,
    requestId: request.id,
    signal,
    address: request.socket.remoteAddress ?? 'local',
    lastEventId: typeof lastEventId === 'string' ? lastEventId : null,
    credentials: { cookie: request.headers.cookie },
    setHeader: (name: string, value: string) => void reply.header(name, value),
  };
}

function sendAnswer(endpoint: Endpoint, answer: unknown, request: FastifyRequest, reply: FastifyReply, signal: AbortSignal): FastifyReply {
  const onError = (thrown: unknown) => {
    const error = requestFault(thrown);
    request.log.warn({ err: error }, error.message);
    // A line of a stream has no room for the request id.
    return error.code === 'internal'
      ? new NakhodaError('internal', { message: error.message, hint: `${error.hint} It is ${request.id}.` })
      : error;
  };
  // Proxies must pass lines on as they come.
  const stream = (type: string, lines: AsyncIterable<string>) =>
    reply
      .type(type)
      .header('X-Accel-Buffering', 'no')
      .send(Readable.from(lines, { objectMode: false }));
  const kind = endpoint.answer ?? 'json';
  switch (kind) {
    case 'ndjson':
      return stream('application/x-ndjson', ndjsonLines(answer as AsyncIterable<unknown>, { signal, onError }));
    case 'sse':
      return stream('text/event-stream', eventLines(answer as AsyncIterable<NakhodaEvent>, { signal, onError }));
    case 'html':
      return reply.type('text/html; charset=utf-8').header('Content-Security-Policy', documentPolicy).send(answer);
    case 'png':
      return reply.type('image/png').send(answer);
    case 'task':
      return sendJson(reply.code(202), answer);
    case 'json':
    case 'websocket':
      break;
  }
  return sendJson(reply, answer);
}

/** Any JSON value, a lone string or null included, which Fastify would send as plain text. */
function sendJson(reply: FastifyReply, answer: unknown): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer));
}

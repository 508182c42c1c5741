import type { WebSocket } from '@fastify/websocket';
import type {
  EndpointAnswer,
  EndpointBody,
  EndpointId,
  EndpointParams,
  EndpointQuery,
  EndpointResult,
  NakhodaEvent,
} from '@nakhoda/schema';

import type { Principal } from '../auth/principal.ts';

/** A request that has been let in and whose fields have been checked against the endpoint's record. */
export interface HandlerRequest<Id extends EndpointId> {
  readonly params: EndpointParams<Id>;
  readonly query: EndpointQuery<Id>;
  readonly body: EndpointBody<Id>;
  /** Who asks; null only where the endpoint's permission is `none`. */
  readonly principal: Principal | null;
  /** In the reply's `X-Request-Id` and in the log. */
  readonly requestId: string;
  /** Aborted when the caller leaves before the answer is complete, and when the server closes. */
  readonly signal: AbortSignal;
  /** The peer's IP address, or `local` on the Unix socket. Never taken from a header. */
  readonly address: string;
  /** The `Last-Event-ID` header, for a stream that resumes. */
  readonly lastEventId: string | null;
  /** The cookie and authorization headers as they came, for the session's own handlers. */
  readonly credentials: { readonly cookie: string | undefined };
  /** Adds a header to the reply. */
  setHeader(name: string, value: string): void;
}

/** Takes over an open WebSocket. The upgrade is done only after the handler has returned this. */
export type SocketHandler = (socket: WebSocket) => void | Promise<void>;

/**
 * What a handler of this endpoint answers with. One that must refuse throws before it answers: an error
 * inside a stream that has begun can only be its last line.
 */
export type HandlerAnswer<Id extends EndpointId> =
  EndpointAnswer<Id> extends 'ndjson'
    ? AsyncIterable<EndpointResult<Id>>
    : EndpointAnswer<Id> extends 'sse'
      ? AsyncIterable<NakhodaEvent>
      : EndpointAnswer<Id> extends 'websocket'
        ? SocketHandler
        : EndpointAnswer<Id> extends 'png'
          ? Uint8Array
          : EndpointResult<Id>;

export type Handler<Id extends EndpointId> = (request: HandlerRequest<Id>) => Promise<HandlerAnswer<Id>>;

/** One handler for every endpoint of the table, each typed by its record. */
export type Handlers = { readonly [Id in EndpointId]: Handler<Id> };

import type { EndpointId, EndpointResult, EndpointsAnswering, TaskFollowLine } from '@nakhoda/schema';
import { NakhodaError, fromErrorBody, type ErrorBody } from '@nakhoda/schema/errors';

import type { CallInput } from './client.ts';
import type { PlainEndpoint } from './endpoint-table.ts';
import table from './endpoint-table.json' with { type: 'json' };
import { lines } from './lines.ts';
import { requestPath, type RequestParts } from './request-path.ts';

export { cliFlag, takesYesNo } from './cli-flag.ts';
export type { PlainEndpoint } from './endpoint-table.ts';
export { requestPath, type RequestParts } from './request-path.ts';

/** The endpoint table as plain data, for the page: paths, and the schemas that its forms check with. */
export const pageEndpoints = table as unknown as Readonly<Record<EndpointId, PlainEndpoint>>;

type Inputs = { [Id in EndpointId]: object extends CallInput<Id> ? [input?: CallInput<Id>] : [input: CallInput<Id>] };

/** The API as a page calls it: its own server, with the session's cookie. Every error is a `NakhodaError`. */
export interface PageClient {
  /** Calls an endpoint that answers with one value or with a task, and gives that. */
  call<Id extends EndpointsAnswering<'json' | 'task'>>(id: Id, ...input: Inputs[Id]): Promise<EndpointResult<Id>>;
  /** The same for a caller that knows endpoint and fields only at run time. */
  callAny(id: EndpointId, parts: RequestParts, signal?: AbortSignal): Promise<unknown>;
  /** Calls an endpoint that answers with a picture. */
  picture(id: EndpointsAnswering<'png'>, parts: RequestParts, signal?: AbortSignal): Promise<Blob>;
  /** A task's changes and log from its beginning; ends with the task or the connection. */
  followTask(task: string, signal: AbortSignal): AsyncIterable<TaskFollowLine>;
}

export interface PageClientOptions {
  /** The token of the session, or null before the login; sent with every change. */
  csrfToken(): string | null;
  /** Called when the daemon does not know the session any more. */
  onSessionLost(): void;
  readonly fetch?: typeof fetch;
}

export function createPageClient({ csrfToken, onSessionLost, fetch: send = (...input) => fetch(...input) }: PageClientOptions): PageClient {
  async function open(id: EndpointId, parts: RequestParts, signal?: AbortSignal): Promise<Response> {
    const { method, path } = pageEndpoints[id];
    const token = csrfToken();
    let answer: Response;
    try {
      answer = await send(requestPath(path, parts), {
        method,
        headers: {
          ...(parts.body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(token === null ? {} : { 'X-CSRF-Token': token }),
        },
        ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw new NakhodaError('daemon.unreachable', {
        message: 'The daemon does not answer.',
        hint: 'See on the host whether it runs: ./nakhoda status. The page goes on by itself when it is back.',
        cause,
      });
    }
    if (answer.ok) return answer;
    const error = await readError(answer);
    if (error.code === 'auth.required') onSessionLost();
    throw error;
  }

  const callAny = async (id: EndpointId, parts: RequestParts, signal?: AbortSignal): Promise<unknown> =>
    (await open(id, parts, signal)).json();

  const client = {
    callAny,
    call: (id: EndpointId, input: RequestParts & { signal?: AbortSignal } = {}) => callAny(id, input, input.signal),
    picture: async (id: EndpointId, parts: RequestParts, signal?: AbortSignal) => (await open(id, parts, signal)).blob(),
    async *followTask(task: string, signal: AbortSignal) {
      const { body } = await open('task.follow', { params: { task } }, signal);
      if (body === null) return;
      for await (const line of lines(body)) yield JSON.parse(line) as TaskFollowLine;
    },
  };
  // The table's types are checked where it is called; inside, one code serves every endpoint.
  return client as unknown as PageClient;
}

async function readError(answer: Response): Promise<NakhodaError> {
  const body = (await answer.json().catch(() => null)) as (ErrorBody & { requestId?: string }) | null;
  if (body === null || typeof body.code !== 'string') {
    return new NakhodaError('internal', {
      message: `What answered is not the API of a Nakhoda daemon (HTTP ${answer.status}).`,
      hint: 'Something between the browser and the daemon answers for it; look at its address.',
    });
  }
  return fromErrorBody(body.requestId === undefined ? body : { ...body, hint: `${body.hint} (${body.requestId})` });
}

import type {
  EndpointBody,
  EndpointId,
  EndpointParams,
  EndpointQuery,
  EndpointResult,
  EndpointsAnswering,
  NakhodaEvent,
  Task,
  TaskFollowLine,
} from '@nakhoda/schema';
import { NakhodaError, type ErrorBody } from '@nakhoda/schema/errors';
import type { WebSocket } from 'ws';

import { openConsole } from './console.ts';
import { endpointTable } from './endpoint-table.ts';
import { readEvents } from './event-stream.ts';
import { followTask, type TaskUpdate } from './follow-task.ts';
import { lines } from './lines.ts';
import { requestPath, type RequestParts } from './request-path.ts';
import { errorOf, readBytes, readText, send, unreachable, type Target } from './transport.ts';

type Part<Name extends string, Fields> = object extends Fields ? { readonly [K in Name]?: Fields } : { readonly [K in Name]: Fields };

/** What an endpoint is called with; parts without a required field may be left out. */
export type CallInput<Id extends EndpointId> = Part<'params', EndpointParams<Id>> &
  Part<'query', EndpointQuery<Id>> &
  Part<'body', EndpointBody<Id>> & { readonly signal?: AbortSignal };

type Inputs = { [Id in EndpointId]: object extends CallInput<Id> ? [input?: CallInput<Id>] : [input: CallInput<Id>] };
type Input<Id extends EndpointId> = Inputs[Id];

/** The API of one daemon. Every error is a `NakhodaError`; `daemon.unreachable` when nothing answers. */
export interface Client {
  /** Calls an endpoint that answers with one value or with a task, and gives that. */
  call<Id extends EndpointsAnswering<'json' | 'task' | 'html'>>(id: Id, ...input: Input<Id>): Promise<EndpointResult<Id>>;
  /** The same for a caller that knows endpoint and fields only at run time. */
  callAny(id: EndpointId, parts: RequestParts, signal?: AbortSignal): Promise<unknown>;
  /** Calls an endpoint that answers with an image, and gives its bytes. */
  download<Id extends EndpointsAnswering<'png'>>(id: Id, ...input: Input<Id>): Promise<Uint8Array>;
  /** Reads an endpoint's lines as they come. An error in the middle is thrown from the iteration. */
  stream<Id extends EndpointsAnswering<'ndjson'>>(id: Id, ...input: Input<Id>): AsyncIterable<EndpointResult<Id>>;
  /**
   * Waits for a task's end and gives it in its last form, whatever that is. Tells of every change and log line once,
   * from the beginning, also when the daemon restarts in between.
   */
  followTask(id: string, onUpdate: (update: TaskUpdate) => void, signal?: AbortSignal): Promise<Task>;
  /** Changes from now on, or after the event of that id. Ends when the connection does. */
  events(options?: { lastEventId?: number; signal?: AbortSignal }): AsyncIterable<NakhodaEvent>;
  /** An open WebSocket to a VM's serial console: binary messages both ways. */
  openConsole(vm: string): Promise<WebSocket>;
}

export function createClient(target: Target): Client {
  const open = (id: EndpointId, parts: RequestParts, signal: AbortSignal | undefined, headers: Record<string, string> = {}) => {
    const { method, path } = endpointTable[id];
    return send(target, {
      method,
      path: requestPath(path, parts),
      headers,
      ...(parts.body === undefined ? {} : { body: parts.body }),
      ...(signal === undefined ? {} : { signal }),
    });
  };

  async function callAny(id: EndpointId, parts: RequestParts, signal?: AbortSignal): Promise<unknown> {
    const answer = await open(id, parts, signal);
    const text = await readText(target, answer);
    return endpointTable[id].answer === 'html' ? text : parseJson(text);
  }

  async function download(id: EndpointId, parts: RequestParts, signal?: AbortSignal): Promise<Uint8Array> {
    return readBytes(target, await open(id, parts, signal));
  }

  async function* stream(id: EndpointId, parts: RequestParts, signal?: AbortSignal): AsyncGenerator<unknown, void, undefined> {
    const answer = await open(id, parts, signal);
    try {
      for await (const line of lines(answer)) {
        const value = parseJson(line);
        const error = streamError(value);
        if (error !== null) throw errorOf(JSON.stringify(error));
        yield value;
      }
    } catch (thrown) {
      if (thrown instanceof NakhodaError) throw thrown;
      signal?.throwIfAborted();
      throw unreachable(target, thrown);
    } finally {
      answer.destroy();
    }
  }

  const client = {
    call: (id: EndpointId, input: RequestParts & { signal?: AbortSignal } = {}) => callAny(id, input, input.signal),
    callAny,
    download: (id: EndpointId, input: RequestParts & { signal?: AbortSignal } = {}) => download(id, input, input.signal),
    stream: (id: EndpointId, input: RequestParts & { signal?: AbortSignal } = {}) => stream(id, input, input.signal),
    followTask: (id: string, onUpdate: (update: TaskUpdate) => void, signal?: AbortSignal) =>
      followTask({
        open: () => stream('task.follow', { params: { task: id } }, signal) as AsyncIterable<TaskFollowLine>,
        onUpdate,
        ...(signal === undefined ? {} : { signal }),
      }),
    async *events({ lastEventId, signal }: { lastEventId?: number; signal?: AbortSignal } = {}) {
      const answer = await open('events', {}, signal, lastEventId === undefined ? {} : { 'Last-Event-ID': String(lastEventId) });
      try {
        yield* readEvents(lines(answer));
      } catch (thrown) {
        signal?.throwIfAborted();
        throw unreachable(target, thrown);
      } finally {
        answer.destroy();
      }
    },
    openConsole: (vm: string) => openConsole(target, requestPath(endpointTable['vm.console'].path, { params: { vm } })),
  };
  // The table's types are checked where it is called; inside, one code serves every endpoint.
  return client as unknown as Client;
}

/** An error that a stream ends with: its status had been sent by then. */
function streamError(value: unknown): ErrorBody | null {
  if (typeof value !== 'object' || value === null || !('error' in value) || 'task' in value) return null;
  return value.error as ErrorBody;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw errorOf(text);
  }
}

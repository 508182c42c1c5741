import {
  HostCheck,
  Hypervisor,
  LabReport,
  Network,
  Snapshot,
  StoragePool,
  Task,
  Vm,
  endpoints,
  errorTable,
  type Endpoint,
  type EndpointId,
  type ErrorCode,
} from '@nakhoda/schema';

import { apiPrefix } from './api-prefix.ts';

type Json = Record<string, unknown>;

/** Resources that the document describes once and refers to. */
const named = { HostCheck, Hypervisor, LabReport, Network, Snapshot, StoragePool, Task, Vm };
const nameOf = new Map<unknown, string>(Object.entries(named).map(([name, schema]) => [schema, name]));

const contentTypes: Readonly<Record<NonNullable<Endpoint['answer']>, string>> = {
  json: 'application/json',
  task: 'application/json',
  ndjson: 'application/x-ndjson',
  sse: 'text/event-stream',
  html: 'text/html',
  png: 'image/png',
  websocket: 'application/octet-stream',
};

/** The API in the form of OpenAPI 3.1, made from the endpoint table and the error table alone. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const id of Object.keys(endpoints) as EndpointId[]) {
    const endpoint: Endpoint = endpoints[id];
    const path = `${apiPrefix}${endpoint.path.replaceAll(/:([a-z]+)/giu, '{$1}')}`;
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(id, endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Nakhoda',
      version,
      description:
        'One captain for many hypervisors. Over HTTPS with a session or a bearer token; over the Unix socket in the data folder as the local administrator.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'https://localhost:8006' }],
    security: [{ token: [] }, { session: [], csrf: [] }],
    tags: [...new Set((Object.keys(endpoints) as EndpointId[]).map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'nakhoda_session' },
        csrf: { type: 'apiKey', in: 'header', name: 'X-CSRF-Token' },
      },
      schemas: { Error: errorSchema, ...Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, inside(schema)])) },
    },
  };
}

function operation(id: EndpointId, endpoint: Endpoint): Json {
  const parameters = [...parametersOf(endpoint.params, 'path'), ...parametersOf(endpoint.query, 'query')];
  return {
    'operationId': id,
    'tags': [tagOf(id)],
    'summary': endpoint.summary,
    'x-nakhoda-permission': endpoint.permission,
    ...(endpoint.permission === 'none' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(endpoint.body === undefined
      ? {}
      : {
          requestBody: {
            required: requiredFields(endpoint.body).length > 0,
            content: { 'application/json': { schema: withReferences(endpoint.body) } },
          },
        }),
    'responses': { ...success(endpoint), ...failures(endpoint) },
  };
}

function parametersOf(fields: Endpoint['params'], place: 'path' | 'query'): Json[] {
  return Object.entries(fields?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: place,
    required: requiredFields(fields).includes(name),
    schema,
  }));
}

function success(endpoint: Endpoint): Json {
  const kind = endpoint.answer ?? 'json';
  if (kind === 'websocket') return { 101: { description: 'The connection is a WebSocket from here on' } };
  const content = { [contentTypes[kind]]: { schema: withReferences(endpoint.result) } };
  if (kind === 'task') return { 202: { description: 'The task that does it', content } };
  return { 200: { description: kind === 'ndjson' ? 'One JSON value a line' : 'Done', content } };
}

/** One response a status, with the codes that it may carry. */
function failures(endpoint: Endpoint): Json {
  const codes: ErrorCode[] = [
    'request.invalid',
    'internal',
    ...(endpoint.permission === 'none' ? [] : (['auth.required'] as const)),
    ...endpoint.errors,
  ];
  if (endpoint.method !== 'GET') codes.push('auth.csrf', 'request.too-large');
  const byStatus = Map.groupBy(new Set(codes), (code) => errorTable[code].status);
  const sorted = [...byStatus].sort(([one], [other]) => one - other);
  return Object.fromEntries(
    sorted.map(([status, list]) => [
      status,
      { description: list.map((code) => `\`${code}\`: ${errorTable[code].meaning}`).join('\n'), content: errorContent },
    ]),
  );
}

/** The schema with a reference in each place where a named resource stands. */
function withReferences(schema: unknown): unknown {
  const name = nameOf.get(schema);
  return name === undefined ? inside(schema) : { $ref: `#/components/schemas/${name}` };
}

function inside(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withReferences);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withReferences(value)]));
}

function requiredFields(schema: Endpoint['params']): readonly string[] {
  return (schema as { required?: readonly string[] } | undefined)?.required ?? [];
}

function tagOf(id: EndpointId): string {
  return id.split('.')[0] ?? id;
}

const errorContent = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };

const errorSchema = {
  type: 'object',
  required: ['code', 'message', 'hint', 'requestId'],
  properties: {
    code: { type: 'string', enum: Object.keys(errorTable) },
    message: { type: 'string', description: 'what happened and why' },
    hint: { type: 'string', description: 'what to do next' },
    details: { type: 'object', description: 'facts for programs' },
    requestId: { type: 'string', description: 'finds the request in the log' },
    taskId: { type: 'string' },
  },
};

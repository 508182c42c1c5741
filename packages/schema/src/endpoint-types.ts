import type { Static } from 'typebox';

import type { AnswerKind } from './endpoint.ts';
import type { EndpointId, Endpoints } from './endpoints.ts';

type StaticOf<Schema> = Schema extends { '~kind': string } ? Static<Schema> : unknown;

/** Where a record says nothing, there are no fields, rather than any. */
type FieldsOf<Schema> = string extends keyof StaticOf<Schema> ? object : StaticOf<Schema>;

/** Every endpoint's parts, worked out once each: TypeScript does not follow them anew at every use. */
type Parts = {
  [Id in EndpointId]: {
    params: FieldsOf<NonNullable<Endpoints[Id]['params']>>;
    query: FieldsOf<NonNullable<Endpoints[Id]['query']>>;
    body: FieldsOf<NonNullable<Endpoints[Id]['body']>>;
    result: StaticOf<Endpoints[Id]['result']>;
    answer: Extract<NonNullable<Endpoints[Id]['answer']>, AnswerKind>;
  };
};

/** The types of one endpoint's parts, read from its record in the table. */
export type EndpointParams<Id extends EndpointId> = Parts[Id]['params'];
export type EndpointQuery<Id extends EndpointId> = Parts[Id]['query'];
export type EndpointBody<Id extends EndpointId> = Parts[Id]['body'];
export type EndpointResult<Id extends EndpointId> = Parts[Id]['result'];
export type EndpointAnswer<Id extends EndpointId> = Parts[Id]['answer'];

/** The ids of all endpoints that answer in this way. */
export type EndpointsAnswering<Kind extends AnswerKind> = { [Id in EndpointId]: EndpointAnswer<Id> extends Kind ? Id : never }[EndpointId];

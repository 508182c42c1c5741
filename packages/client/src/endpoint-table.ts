import { readFileSync } from 'node:fs';

import type { AnswerKind, CliCommand, EndpointId } from '@nakhoda/schema';
import type { FieldSchema } from '@nakhoda/schema/describe-allowed';

/** The fields of one part of a request. */
export interface Fields {
  readonly properties: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
}

/** A record of the endpoint table as plain data. */
export interface PlainEndpoint {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly answer: AnswerKind;
  readonly summary: string;
  readonly params?: Fields;
  readonly query?: Fields;
  readonly body?: Fields;
  readonly cli?: CliCommand;
}

/**
 * The endpoint table as plain data, read from a file that `npm run openapi` makes from it. The table itself
 * would do as well, but to build its schemas takes 80 ms, more than all else that a short command does.
 */
export const endpointTable = JSON.parse(readFileSync(new URL('endpoint-table.json', import.meta.url), 'utf8')) as Readonly<
  Record<EndpointId, PlainEndpoint>
>;

import type { EndpointId } from '@nakhoda/schema';
import { cliFlag, takesYesNo, type Fields, type PlainEndpoint, type RequestParts } from '@nakhoda/client';
import { allowedConstants, describeAllowed, type FieldSchema } from '@nakhoda/schema/describe-allowed';

import { readFieldValue } from './field-value.ts';
import { UsageError } from './usage-error.ts';

type PartName = 'params' | 'query' | 'body';

/** A field of an endpoint as the command line offers it. */
export interface CommandField {
  readonly name: string;
  readonly part: PartName;
  readonly schema: FieldSchema;
  readonly required: boolean;
  /** Given without a flag when true. */
  readonly positional: boolean;
  /** `VM`, `NAME` for a positional one; `--memory` for a flag. */
  readonly label: string;
  /** What stands behind the flag in the help: `N`, `qemu|virtualbox`; none for a switch. */
  readonly placeholder: string | null;
}

/** A command that the endpoint table offers. */
export interface TableCommand {
  readonly id: EndpointId;
  readonly words: readonly string[];
  readonly summary: string;
  readonly fields: readonly CommandField[];
  /** It changes what is there: at least one flag has to be given. */
  readonly isChange: boolean;
  /** See `CliCommand.showLog`. */
  readonly showLog: boolean;
}

/** The command of an endpoint, or null when the table offers none. Positional fields come first, in their order. */
export function tableCommand(id: EndpointId, endpoint: PlainEndpoint): TableCommand | null {
  const { cli } = endpoint;
  if (cli === undefined) return null;
  const order = (cli.positional ?? []).map((name) => name.replace(/\?$/u, ''));
  const fields = (['params', 'query', 'body'] as const).flatMap((part) =>
    partFields(part, endpoint[part]).map(({ name, schema, required }): CommandField => {
      const positional = order.includes(name);
      return {
        name,
        part,
        schema,
        required,
        positional,
        label: positional ? name.toUpperCase() : cliFlag(cli, name),
        placeholder: schema.type !== 'boolean' ? placeholderOf(name, schema) : takesYesNo(cli, endpoint.method, name) ? 'yes|no' : null,
      };
    }),
  );
  const rank = (field: CommandField) => (field.positional ? order.indexOf(field.name) : order.length);
  return {
    id,
    words: cli.words,
    summary: endpoint.summary,
    fields: fields.sort((one, other) => rank(one) - rank(other)),
    isChange: endpoint.method === 'PATCH',
    showLog: cli.showLog === true,
  };
}

function partFields(
  part: PartName,
  fields: Fields | undefined,
): { name: string; part: PartName; schema: FieldSchema; required: boolean }[] {
  return Object.entries(fields?.properties ?? {}).map(([name, schema]) => ({
    name,
    part,
    schema,
    required: fields?.required?.includes(name) ?? false,
  }));
}

function placeholderOf(name: string, schema: FieldSchema): string {
  // `fake` answers in tests and demos only, and is not offered.
  if (schema.type === 'array') return `${placeholderOf(name, schema.items ?? {})},…`;
  const constants = allowedConstants(schema)?.filter((constant) => constant !== 'fake');
  if (constants !== undefined && constants.length <= 4) return constants.join('|');
  const unit = /(MiB|GiB|Seconds)$/u.exec(name)?.[1];
  if (unit !== undefined) return unit === 'Seconds' ? 'SECONDS' : unit;
  if (schema.type === 'integer' || schema.type === 'number') return 'N';
  return schema.pattern === undefined && schema.anyOf === undefined ? 'TEXT' : name.toUpperCase();
}

/** The field's line in the help. */
export function describeField(field: CommandField): string {
  const { type, description } = field.schema;
  if (type !== 'boolean') return describeAllowed(field.schema);
  if (field.placeholder === null || description === undefined) return description ?? 'yes or no';
  return `yes or no: ${description}`;
}

/**
 * The request that a command line makes: every field's text read and checked.
 * @param texts by field name; true for a switch that is set, undefined for what was not given
 * @throws UsageError
 */
export function requestOf(command: TableCommand, texts: Readonly<Record<string, string | boolean | undefined>>): RequestParts {
  const parts: Record<PartName, Record<string, unknown>> = { params: {}, query: {}, body: {} };
  for (const field of command.fields) {
    const text = texts[field.name];
    if (text === undefined) continue;
    parts[field.part][field.name] = typeof text === 'string' ? readFieldValue(field.schema, field.label, text) : text;
  }
  // Only a change of something has a body of which nothing is required and something must be given.
  if (command.isChange && Object.keys(parts.body).length === 0) {
    throw new UsageError(
      'Nothing to change was given.',
      `Give at least one flag; ${['nakhoda', ...command.words].join(' ')} --help tells them.`,
    );
  }
  const filled = Object.entries(parts).filter(([part]) => command.fields.some((field) => field.part === part));
  return Object.fromEntries(filled);
}

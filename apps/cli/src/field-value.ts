import { allowedConstants, describeAllowed, type FieldSchema } from '@nakhoda/schema/describe-allowed';

import { UsageError } from './usage-error.ts';

const longestQuote = 60;

/**
 * Reads a flag's or argument's text as its field's schema says, before anything is sent.
 * @param label how the person knows it: `--cores`, `NAME`
 * @throws UsageError naming the label, the value and what is allowed
 */
export function readFieldValue(schema: FieldSchema, label: string, text: string): unknown {
  const allowed = schema.type === 'boolean' ? 'yes or no' : describeAllowed(schema);
  const hint = `Give ${label} as: ${allowed}.`;
  const refuse = (why: string): never => {
    throw new UsageError(`${label} is ${quote(text)}, which is ${why}.`, hint);
  };
  if (schema.type === 'boolean') return ['yes', 'no'].includes(text) ? text === 'yes' : refuse('neither yes nor no');
  if (schema.type === 'array') return readList(schema, label, text, refuse);
  if (schema.type === 'integer' || schema.type === 'number') return readNumber(schema, text, refuse);
  const constants = allowedConstants(schema);
  if (constants !== null) return constants.includes(text) ? text : refuse('not one of the allowed values');
  if (schema.anyOf !== undefined) return schema.anyOf.some((member) => fits(member, text)) ? text : refuse('not allowed');
  if (schema.maxLength !== undefined && text.length > schema.maxLength) return refuse('too long');
  if (schema.minLength !== undefined && text.length < schema.minLength) return refuse('too short');
  return fits(schema, text) ? text : refuse('not allowed');
}

/** Values with commas between; an empty text is an empty list. */
function readList(schema: FieldSchema, label: string, text: string, refuse: (why: string) => never): unknown[] {
  const items = text === '' ? [] : text.split(',');
  if (schema.maxItems !== undefined && items.length > schema.maxItems) return refuse('too long a list');
  return items.map((item) => readFieldValue(schema.items ?? {}, label, item.trim()));
}

function readNumber(schema: FieldSchema, text: string, refuse: (why: string) => never): number {
  const isWritten = schema.type === 'integer' ? /^-?\d{1,15}$/u : /^-?\d{1,15}(\.\d{1,15})?$/u;
  if (!isWritten.test(text)) return refuse(schema.type === 'integer' ? 'not an integer' : 'not a number');
  const value = Number(text);
  if (schema.minimum !== undefined && value < schema.minimum) return refuse('too small');
  if (schema.maximum !== undefined && value > schema.maximum) return refuse('too large');
  return value;
}

function fits(schema: FieldSchema, text: string): boolean {
  if (schema.const !== undefined) return text === schema.const;
  if (schema.maxLength !== undefined && text.length > schema.maxLength) return false;
  return schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(text);
}

function quote(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length <= longestQuote ? quoted : `${quoted.slice(0, longestQuote)}… (${text.length} characters)`;
}

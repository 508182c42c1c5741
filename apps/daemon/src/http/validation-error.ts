import { NakhodaError, describeAllowed, type FieldSchema } from '@nakhoda/schema';

/** What this file reads of an Ajv error (`verbose: true`). */
export interface ValidationFault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
  readonly parentSchema?: FieldSchema & { properties?: Record<string, FieldSchema> };
}

/** Where the fields were: names in messages are what the caller wrote, so the parts are named alike. */
export type RequestPart = 'params' | 'query' | 'body';

const longestQuote = 60;

/** A value as a message may show it: on one line, and short. */
export function quoteValue(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)}… (${text.length} characters)`;
}

/**
 * Turns what Ajv found into `request.invalid`: the message names the field, what came and what is wrong with it;
 * the hint says what is allowed. Ajv's own words never leave.
 */
export function validationError(faults: readonly ValidationFault[], part: RequestPart): NakhodaError {
  // A union's last fault speaks for the union as a whole; those before it tell why each member did not fit.
  const fault = faults.at(-1);
  if (fault === undefined) throw new TypeError('validationError needs a fault');
  const field = fieldName(fault);
  const schema: FieldSchema = fault.parentSchema ?? {};
  const { message, hint } = explain(fault, field, schema, part);
  return new NakhodaError('request.invalid', { message, hint, details: { field, in: part } });
}

/** `/disks/0/sizeGiB` → `disks.0.sizeGiB`; the request as a whole has no name. */
function fieldName(fault: ValidationFault): string {
  const path = fault.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (fault.keyword === 'required') path.push(String(fault.params['missingProperty']));
  if (fault.keyword === 'additionalProperties') path.push(String(fault.params['additionalProperty']));
  const name = path.join('.');
  return name.length <= longestQuote ? name : `${name.slice(0, longestQuote)}…`;
}

function fieldsOf(schema: { properties?: Record<string, FieldSchema> } | undefined): Record<string, FieldSchema> {
  return schema?.properties ?? {};
}

function explain(fault: ValidationFault, field: string, schema: FieldSchema, part: RequestPart): { message: string; hint: string } {
  const properties = fieldsOf(fault.parentSchema);
  const name = JSON.stringify(field);
  const came = quoteValue(fault.data);
  const hint = `Give ${field === '' ? `the ${part}` : field} as: ${describeAllowed(schema)}.`;
  switch (fault.keyword) {
    case 'required': {
      const missing = properties[String(fault.params['missingProperty'])];
      return {
        message: `The field ${name} is missing.`,
        hint: missing === undefined ? `Add ${field}.` : `Add ${field}: ${describeAllowed(missing)}.`,
      };
    }
    case 'additionalProperties': {
      const known = Object.keys(properties);
      return {
        message: `There is no field ${name} here.`,
        hint: known.length === 0 ? 'Send none: this request takes no fields here.' : `Leave it out; the fields are ${known.join(', ')}.`,
      };
    }
    case 'minProperties': {
      const known = Object.keys(properties);
      return { message: `The ${part} is empty: the field to change is missing.`, hint: `Give at least one of: ${known.join(', ')}.` };
    }
    case 'type':
      if (field === '') return { message: `The ${part} is ${came}, which is not an object.`, hint: 'Send a JSON object.' };
      return { message: `The field ${name} is ${came}, which is not of type ${schema.type ?? 'this'}.`, hint };
    case 'minimum':
    case 'exclusiveMinimum':
      return { message: `The field ${name} is ${came}, which is too small.`, hint };
    case 'maximum':
    case 'exclusiveMaximum':
      return { message: `The field ${name} is ${came}, which is too large.`, hint };
    case 'minLength':
    case 'minItems':
      return { message: `The field ${name} is ${came}, which is too short.`, hint };
    case 'maxLength':
    case 'maxItems':
      return { message: `The field ${name} is ${came}, which is too long.`, hint };
    case 'uniqueItems':
      return { message: `The field ${name} names the same thing twice: ${came}.`, hint };
    case 'anyOf':
    case 'const':
      return { message: `The field ${name} is ${came}, which is not one of the allowed values.`, hint };
    default:
      return { message: `The field ${name} is ${came}, which is not allowed.`, hint };
  }
}

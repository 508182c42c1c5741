/** The parts of a JSON schema that limits on a field are told from. */
export interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly const?: string | number | boolean;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly FieldSchema[];
  readonly items?: FieldSchema;
}

/** The constants of an enumeration or a union of literals, or null when the schema is something else. */
export function allowedConstants(schema: FieldSchema): string[] | null {
  if (schema.const !== undefined) return [String(schema.const)];
  if (schema.enum !== undefined) return schema.enum.map(String);
  if (schema.anyOf === undefined || schema.anyOf.some((member) => member.const === undefined)) return null;
  return schema.anyOf.map((member) => String(member.const));
}

/** What a field takes, in words for a person: `integer from 1 to 256: virtual processors, default 1`. */
export function describeAllowed(schema: FieldSchema): string {
  const constants = allowedConstants(schema);
  if (constants !== null) return schema.description ?? `one of ${constants.join(', ')}`;
  const kind = describeKind(schema);
  const { description } = schema;
  if (description === undefined) return kind;
  // A pattern's description says all; a description that gives the range itself need not get it twice.
  const saysAll = schema.pattern !== undefined || schema.anyOf !== undefined || description.startsWith(kind);
  return saysAll ? description : `${kind}: ${description}`;
}

function describeKind(schema: FieldSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(describeAllowed).join(', or ');
  switch (schema.type ?? '') {
    case 'integer':
    case 'number':
      return describeRange(schema.type ?? '', schema.minimum, schema.maximum);
    case 'boolean':
      return 'true or false';
    case 'array':
      return `${describeRange('list', schema.minItems, schema.maxItems)}${schema.items ? ` of: ${describeAllowed(schema.items)}` : ''}`;
    case 'string':
      if (schema.pattern !== undefined) return `text that matches ${schema.pattern}`;
      return describeRange('text', schema.minLength, schema.maxLength, ' characters');
    default:
      return schema.type ?? 'any value';
  }
}

function describeRange(kind: string, least: number | undefined, most: number | undefined, unit = ''): string {
  if (least !== undefined && most !== undefined) return `${kind} from ${least} to ${most}${unit}`;
  if (least !== undefined) return `${kind} of at least ${least}${unit}`;
  if (most !== undefined) return `${kind} of at most ${most}${unit}`;
  return kind;
}

import { NakhodaError } from '@nakhoda/schema';

const keyPattern = /^[!-~]{1,512}$/u;
const prefixPattern = /^[!-~]{0,512}$/u;

/** Sorts after every key. */
export const lastKey = '\u007F';

/** Throws `internal` unless the string can be a key: keys are made by Nakhoda, so a bad one is its defect. */
export function checkKey(key: string): void {
  if (!keyPattern.test(key)) throw malformed(`${JSON.stringify(key.slice(0, 80))} cannot be a key of the store.`);
}

/** The half-open range of keys that begin with the prefix. */
export function prefixRange(prefix: string): { from: string; before: string } {
  if (!prefixPattern.test(prefix)) throw malformed(`${JSON.stringify(prefix.slice(0, 80))} cannot be a prefix of keys.`);
  return { from: prefix, before: `${prefix}${lastKey}` };
}

/** The value as JSON text. Throws `internal` for what JSON cannot hold at all. */
export function encodeValue(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw malformed(`A value of type ${typeof value} cannot be stored; it is not JSON.`);
  return text;
}

export function malformed(message: string): NakhodaError {
  return new NakhodaError('internal', { message, hint: 'Report this; it is a defect of Nakhoda.' });
}

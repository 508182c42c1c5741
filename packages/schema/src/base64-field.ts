import { Type } from 'typebox';

const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4;

/** Up to so many bytes, as base64. */
export const base64Of = (mostBytes: number, what: string) =>
  Type.String({
    pattern: '^[A-Za-z0-9+/]*={0,2}$',
    maxLength: base64Length(mostBytes),
    description: `${what} as base64, up to ${mostBytes / 1024} KiB`,
  });

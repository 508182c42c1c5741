const escapes: Record<string, number> = { 'n': 10, 't': 9, 'r': 13, '\\': 92, 'a': 7, 'b': 8, 'f': 12, 'v': 11, '"': 34 };

/**
 * What printf(1) prints: `%s`, `%d` with width and zeros, `%%`, and backslash escapes with octal bytes.
 * The format is used again while values are left; values that are missing are empty, or 0.
 */
export function formatPrintf(format: string, values: readonly string[]): Buffer {
  const output: Buffer[] = [];
  const left = [...values];
  const directives = /\\([0-7]{1,3})|\\([^])|%(0?)(\d*)([sd%])|([^\\%]+)|([^])/gu;
  do {
    const before = left.length;
    for (const [whole, octal, escape, zero, width, kind] of format.matchAll(directives)) {
      if (octal !== undefined) output.push(Buffer.from([Number.parseInt(octal, 8) & 0xff]));
      else if (escape !== undefined && escape in escapes) output.push(Buffer.from([escapes[escape] ?? 0]));
      else if (kind === '%') output.push(Buffer.from('%'));
      else if (kind === undefined) output.push(Buffer.from(whole));
      else {
        const value = left.shift() ?? (kind === 'd' ? '0' : '');
        output.push(Buffer.from(value.padStart(Number(width ?? 0), zero === '0' && kind === 'd' ? '0' : ' ')));
      }
    }
    if (left.length === before) break;
  } while (left.length > 0);
  return Buffer.concat(output);
}

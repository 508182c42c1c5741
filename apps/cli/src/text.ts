/** Makes text from elsewhere (guests, hypervisors, files) harmless for a terminal: no control characters, one line. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/gu, '�');
}

/** Rows in columns, two spaces apart, the last one as wide as it likes. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_title, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return cells.map(line).join('\n');
}

/** Columns that a text takes on a terminal, as far as one character takes one. */
function widthOf(text: string): number {
  return Array.from(text).length;
}

/** Keys and values below one another; empty values are left out. */
export function keyValues(pairs: readonly (readonly [string, string])[]): string {
  const shown = pairs.filter(([, value]) => value !== '');
  const width = Math.max(...shown.map(([key]) => key.length));
  return shown.map(([key, value]) => `${key.padEnd(width)}  ${printable(value)}`).join('\n');
}

/** `3 d 4 h`, `5 min 12 s`, `8 s`: the two largest units. */
export function duration(seconds: number): string {
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  let rest = Math.floor(seconds);
  const parts = units.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return { unit, count };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(({ count }) => count > 0)
    .map(({ unit, count }) => `${count} ${unit}`)
    .join(' ');
}

/** Bytes in the largest binary unit that leaves a whole part: `1.5 GiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

/** `2026-11-23 14:02:05` in UTC. */
export function moment(timestamp: string | null | undefined): string {
  return timestamp ? timestamp.replace('T', ' ').replace(/\.\d+Z$/u, '') : '';
}

/** MiB as a person reads them. */
export function mebibytes(count: number): string {
  return bytes(count * 1_048_576);
}

/** A field's value in one cell: whatever it is, on one line. */
export function valueText(value: unknown): string {
  return value === null ? '-' : printable(typeof value === 'string' ? value : JSON.stringify(value));
}

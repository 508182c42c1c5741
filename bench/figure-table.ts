import { keepsLimit, rounded } from './figure.ts';
import type { FigureRow } from './figure.ts';

/** The rows as a Markdown table, columns aligned. Pure. */
export function figureTable(rows: readonly FigureRow[]): string {
  const head = ['figure', 'measured', 'against', 'ratio', 'limit', 'kept'];
  const lines = rows.map((row) => [
    row.name,
    row.value === null ? 'not measured' : `${rounded(row.value)} ${row.unit}`,
    row.against ?? '',
    row.ratio === undefined ? '' : `${rounded(row.ratio)}`,
    limitText(row),
    { true: 'yes', false: 'NO', null: '' }[String(keepsLimit(row)) as 'true' | 'false' | 'null'],
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const print = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = print(widths.map((width) => '-'.repeat(width)));
  return [print(head), rule, ...lines.map(print)].join('\n');
}

/** The notes of the rows that have one, one line each. */
export function figureNotes(rows: readonly FigureRow[]): string {
  return rows.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name}: ${note}`])).join('\n');
}

function limitText({ limit, unit }: FigureRow): string {
  if (limit === undefined) return '';
  const amount = 'atMost' in limit ? `at most ${limit.atMost}` : `at least ${limit.atLeast}`;
  return limit.of === 'ratio' ? `ratio ${amount}` : `${amount} ${unit}`;
}

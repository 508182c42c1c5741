/** One line of the table of figures. */
export interface FigureRow {
  name: string;
  /** Null when it could not be measured; `note` then says why. */
  value: number | null;
  unit: string;
  /** What it is compared with, and that one's value. */
  against?: string;
  /** `value` divided by the value of what it is compared with, from the same run; the other way round where the note says so. */
  ratio?: number;
  /** What the figure must not exceed, or must reach. Absent where nothing was promised. */
  limit?: { of: 'value' | 'ratio'; atMost: number } | { of: 'value' | 'ratio'; atLeast: number };
  note?: string;
}

/** A figure's file exports one function of this kind. It leaves nothing on the host. */
export type Figure = () => Promise<FigureRow[]>;

/** Whether the row keeps its limit; null where there is none, or nothing was measured. */
export function keepsLimit(row: FigureRow): boolean | null {
  const { limit } = row;
  const measured = limit?.of === 'ratio' ? row.ratio : row.value;
  if (limit === undefined || measured === undefined || measured === null) return null;
  return 'atMost' in limit ? measured <= limit.atMost : measured >= limit.atLeast;
}

/** The middle of the numbers, in their order; of an even count the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new RangeError('There is no median of no numbers.');
  return (low + high) / 2;
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

/** Rounded for people: three significant digits, whole from a hundred on. */
export function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

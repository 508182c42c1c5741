import { i18n } from '@lingui/core';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes in the largest unit that leaves a number of 1 or more: 1536 → `1.5 KiB`. */
export function bytes(value: number): string {
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${i18n.number(value / 2 ** (10 * step), { maximumFractionDigits: step === 0 ? 0 : 1 })} ${units[step] ?? 'B'}`;
}

export const mebibytes = (value: number): string => bytes(value * 2 ** 20);
export const gibibytes = (value: number): string => bytes(value * 2 ** 30);

/** Seconds as days, hours, minutes and seconds, the two largest that are not nought: 3725 → `1 h 2 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** A time of the API as the reader's language writes it. */
export function time(at: string): string {
  return i18n.date(new Date(at), { dateStyle: 'medium', timeStyle: 'medium' });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, duration, moment, printable } from './text.ts';

test('text from guests cannot steer the terminal', () => {
  assert.equal(printable('a\u001B[2Jb\r\nc\u009Bd\u202Ee'), 'a�[2Jb��c�d�e');
  assert.equal(printable('ünïcode ✓'), 'ünïcode ✓');
});

const durations: [seconds: number, text: string][] = [
  [0, '0 s'],
  [8.9, '8 s'],
  [60, '1 min'],
  [312, '5 min 12 s'],
  [3725, '1 h 2 min'],
  [86_400, '1 d'],
  [273_600, '3 d 4 h'],
];
for (const [seconds, text] of durations) test(`${seconds} s reads ${text}`, () => assert.equal(duration(seconds), text));

test('sizes and moments', () => {
  assert.deepEqual([0, 1023, 1024, 1_610_612_736].map(bytes), ['0 B', '1023 B', '1 KiB', '1.5 GiB']);
  assert.equal(moment('2026-01-02T03:04:05.678Z'), '2026-01-02 03:04:05');
  assert.equal(moment(null), '');
});

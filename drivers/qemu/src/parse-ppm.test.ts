import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parsePpm } from './parse-ppm.ts';

const picture = (head: string, bytes: number): Buffer => Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 10)]);

test("QEMU's picture is taken apart; bytes that look like white space belong to it", () => {
  // The head as QEMU 7.2.22 writes it (ui/console.c, ppm_save).
  const { width, height, rgb } = parsePpm(picture('P6\n720 400\n255\n', 720 * 400 * 3));
  assert.deepEqual([width, height, rgb.length, rgb[0]], [720, 400, 864_000, 10]);
});

test('what is no whole picture is refused', () => {
  for (const file of [
    picture('', 0),
    picture('P6\n2 2\n255\n', 11),
    picture('P6\n2 2\n255\n', 13),
    picture('P5\n2 2\n255\n', 12),
    picture('P6\n0 0\n255\n', 0),
  ])
    assert.throws(() => parsePpm(file), { code: 'console.failed' });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isFlat } from './is-one-colour.ts';

const picture = (...pixels: [number, number, number][]) => Uint8ClampedArray.from(pixels.flatMap((pixel) => [...pixel, 255]));

test('a picture of one colour shows nothing, whatever the colour; a single bright pixel is something', () => {
  assert.ok(isFlat(picture([0, 0, 0], [0, 0, 0], [3, 0, 2])));
  assert.ok(isFlat(picture([90, 120, 200], [92, 118, 203])));
  assert.ok(!isFlat(picture([0, 0, 0], [0, 0, 0], [0, 170, 0])));
});

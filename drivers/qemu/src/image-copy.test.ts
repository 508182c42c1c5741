import assert from 'node:assert/strict';
import { test } from 'node:test';

import { copyShares } from './image-copy.ts';

/** `qemu-img convert -p` of qemu-img 7.2.22. */
const recorded = '    (0.00/100%)\r    (12.50/100%)\r    (25.00/100%)\r';

test("qemu-img's progress is read, the last of a piece", () => {
  assert.deepEqual(copyShares(recorded), [0.25]);
  assert.deepEqual(copyShares('    (100.00/100%)\r\n'), [1]);
  for (const text of ['', '    (6.2', '5/100%)\r', 'qemu-img: warning']) assert.deepEqual(copyShares(text), []);
});

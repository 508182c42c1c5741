import assert from 'node:assert/strict';
import { test } from 'node:test';

import { moveInOrder } from './move-in-order.ts';

const order = ['cdrom', 'disk0', 'net0'];

test('an item moves one place, and stays at either end', () => {
  assert.deepEqual(moveInOrder(order, 'net0', -1), ['cdrom', 'net0', 'disk0']);
  assert.deepEqual(moveInOrder(order, 'cdrom', 1), ['disk0', 'cdrom', 'net0']);
  assert.equal(moveInOrder(order, 'cdrom', -1), order);
  assert.equal(moveInOrder(order, 'net0', 1), order);
  assert.equal(moveInOrder(order, 'disk7', 1), order);
});

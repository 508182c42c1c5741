import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KeyedQueue } from './keyed-queue.ts';

/** Work that ends when the test says so. */
function piece(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const work = async (): Promise<string> => {
    log.push(`${name} begins`);
    await promise;
    log.push(`${name} ends`);
    return name;
  };
  return { work, finish: resolve, fail: reject };
}

test('work on one key is done in turn, work on another beside it', async () => {
  const queue = new KeyedQueue();
  const log: string[] = [];
  const [a, b, other] = [piece(log, 'a'), piece(log, 'b'), piece(log, 'other')];
  const all = [queue.run(['vm 1'], a.work), queue.run(['vm 1'], b.work), queue.run(['vm 2'], other.work)];
  other.finish();
  await all[2];
  a.finish();
  await all[0];
  b.finish();
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'other']);
  assert.deepEqual(log, ['a begins', 'other begins', 'other ends', 'a ends', 'b begins', 'b ends']);
});

test('a piece that fails lets the next one through', async () => {
  const queue = new KeyedQueue();
  const log: string[] = [];
  const [a, b] = [piece(log, 'a'), piece(log, 'b')];
  const first = queue.run(['vm 1'], a.work);
  const second = queue.run(['vm 1'], b.work);
  a.fail(new Error('broken'));
  await assert.rejects(first, /broken/);
  b.finish();
  assert.equal(await second, 'b');
});

test('a piece with two keys waits for both, in whichever order they are given', async () => {
  const queue = new KeyedQueue();
  const log: string[] = [];
  const [a, both, c] = [piece(log, 'a'), piece(log, 'both'), piece(log, 'c')];
  const all = [queue.run(['media'], a.work), queue.run(['vm 1', 'media'], both.work), queue.run(['vm 1'], c.work)];
  c.finish();
  await all[2];
  a.finish();
  both.finish();
  await Promise.all(all);
  assert.deepEqual(log, ['a begins', 'c begins', 'c ends', 'a ends', 'both begins', 'both ends']);
});

test('pieces that want the same two keys do not block each other for good', async () => {
  const queue = new KeyedQueue();
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      queue.run(index % 2 === 0 ? ['a', 'b'] : ['b', 'a'], async () => {
        order.push(index);
      }),
    ),
  );
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

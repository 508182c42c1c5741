import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NakhodaEvent } from '@nakhoda/schema';

import { createEventBus } from './event-bus.ts';

async function collect(events: AsyncIterable<NakhodaEvent>, count: number): Promise<NakhodaEvent[]> {
  const got: NakhodaEvent[] = [];
  for await (const event of events) {
    got.push(event);
    if (got.length === count) break;
  }
  return got;
}

test('a new listener gets what comes, in order, with growing ids', async () => {
  const bus = createEventBus();
  const { signal } = new AbortController();
  const collecting = collect(bus.subscribe({ signal }), 3);
  for (const vmid of [100, 101, 102]) bus.publish({ type: 'vm-removed', vmid });
  const got = await collecting;
  assert.deepEqual(
    got.map((event) => event.type === 'vm-removed' && event.vmid),
    [100, 101, 102],
  );
  assert.ok(got[0] && got[1] && got[1].id === got[0].id + 1);
});

test('a listener resumes after the id it saw last, without a gap or a double', async () => {
  const bus = createEventBus();
  const { signal } = new AbortController();
  const first = collect(bus.subscribe({ signal }), 1);
  bus.publish({ type: 'vm-removed', vmid: 100 });
  const [seen] = await first;
  assert.ok(seen);
  bus.publish({ type: 'vm-removed', vmid: 101 });
  bus.publish({ type: 'vm-removed', vmid: 102 });
  const rest = await collect(bus.subscribe({ afterId: seen.id, signal }), 2);
  assert.deepEqual(
    rest.map((event) => event.type === 'vm-removed' && event.vmid),
    [101, 102],
  );
});

test('an id that is no longer kept, or of another run, is answered with resync', async () => {
  const bus = createEventBus();
  const { signal } = new AbortController();
  for (let index = 0; index < 2100; index += 1) bus.publish({ type: 'vm-removed', vmid: 100 + index });
  const [tooOld] = await collect(bus.subscribe({ afterId: 5, signal }), 1);
  assert.equal(tooOld?.type, 'resync');
  const [ofTheFuture] = await collect(bus.subscribe({ afterId: Number.MAX_SAFE_INTEGER, signal }), 1);
  assert.equal(ofTheFuture?.type, 'resync');
});

test('ids of a later run are larger than those of an earlier one', async () => {
  const earlier = createEventBus(() => 1_000_000);
  const later = createEventBus(() => 1_000_001);
  const { signal } = new AbortController();
  const first = collect(earlier.subscribe({ signal }), 1);
  const second = collect(later.subscribe({ signal }), 1);
  earlier.publish({ type: 'vm-removed', vmid: 100 });
  later.publish({ type: 'vm-removed', vmid: 100 });
  const [a] = await first;
  const [b] = await second;
  assert.ok(a && b && b.id > a.id);
});

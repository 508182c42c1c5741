import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventHub } from './event-hub.ts';

test('every listener gets what happens after it came, and ends without an error', async () => {
  const hub = new EventHub();
  hub.emit(1, 'state');
  const abort = new AbortController();
  const first = hub.subscribe(abort.signal);
  hub.emit(2, 'state');
  const second = hub.subscribe(new AbortController().signal);
  hub.emit(3, 'removed');
  const read = async (events: AsyncIterable<{ vmid: number }>, until: number, end: () => void): Promise<number[]> => {
    const seen: number[] = [];
    for await (const { vmid } of events) {
      seen.push(vmid);
      if (vmid === until) end();
    }
    return seen;
  };
  assert.deepEqual(await read(first, 3, () => abort.abort()), [2, 3]);
  assert.deepEqual(await read(second, 3, () => hub.close()), [3]);
  assert.deepEqual(await read(hub.subscribe(new AbortController().signal), 0, () => undefined), []);
});

test('somebody who does not read loses the oldest, not the newest', async () => {
  const hub = new EventHub();
  const events = hub.subscribe(new AbortController().signal);
  for (let vmid = 1; vmid <= 10_001; vmid += 1) hub.emit(vmid, 'state');
  const seen: number[] = [];
  for await (const { vmid } of events) if (seen.push(vmid) === 10_000) break;
  assert.deepEqual([seen[0], seen.at(-1)], [2, 10_001]);
});

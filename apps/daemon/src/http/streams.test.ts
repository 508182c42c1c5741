import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError, toNakhodaError, type NakhodaEvent } from '@nakhoda/schema';

import { eventLines, ndjsonLines } from './streams.ts';

const options = { signal: new AbortController().signal, onError: toNakhodaError };

test('ndjson ends with the error when its source fails, without the cause', async () => {
  async function* source() {
    yield { a: 1 };
    throw new NakhodaError('guest.timeout', { message: 'It was silent.', hint: 'Wait.', cause: new Error('secret') });
  }
  assert.deepEqual(await Array.fromAsync(ndjsonLines(source(), options)), [
    '{"a":1}\n',
    '{"error":{"code":"guest.timeout","message":"It was silent.","hint":"Wait."}}\n',
  ]);
});

test('ndjson just ends when its reader has left', async () => {
  const gone = new AbortController();
  async function* source() {
    yield 1;
    gone.abort();
    throw new Error('aborted');
  }
  assert.deepEqual(await Array.fromAsync(ndjsonLines(source(), { ...options, signal: gone.signal })), ['1\n']);
});

test('events have their number, and silence is filled with comments', async () => {
  const second = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<NakhodaEvent> {
    yield { id: 7, type: 'vm-removed', vmid: 100 };
    await second.promise;
    yield { id: 8, type: 'resync' };
  }
  const lines: string[] = [];
  for await (const line of eventLines(source(), { ...options, keepAliveMs: 5 })) {
    lines.push(line);
    if (lines.filter((one) => one === ': keep-alive\n\n').length === 2) second.resolve();
  }
  assert.equal(lines[0], 'retry: 2000\n\n');
  assert.equal(lines[1], 'id: 7\ndata: {"id":7,"type":"vm-removed","vmid":100}\n\n');
  assert.equal(lines.at(-1), 'id: 8\ndata: {"id":8,"type":"resync"}\n\n');
  assert.ok(lines.includes(': keep-alive\n\n'));
});

test('the source of events is closed when the reader leaves', async () => {
  let closed = false;
  async function* source(): AsyncGenerator<NakhodaEvent> {
    try {
      for (let id = 1; ; id += 1) yield { id, type: 'resync' };
    } finally {
      closed = true;
    }
  }
  let count = 0;
  for await (const line of eventLines(source(), options)) {
    if (line.startsWith('id:')) count += 1;
    if (count === 3) break;
  }
  assert.equal(closed, true);
});

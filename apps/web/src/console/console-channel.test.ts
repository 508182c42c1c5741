import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ConsoleChannel } from './console-channel.ts';
import type { ConsoleEnd } from './console-failure.ts';

class Socket extends EventTarget {
  binaryType: BinaryType = 'blob';
  readonly sent: unknown[] = [];
  closed = 0;
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(): void {
    this.closed += 1;
  }
  say(data: string | ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
  end(code: number, reason = ''): void {
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }
}

const bytes = (...values: number[]): ArrayBuffer => Uint8Array.from(values).buffer;
const open = (silent: boolean) => {
  const socket = new Socket();
  return { socket, channel: new ConsoleChannel(socket, { silent }) };
};

test('what comes before there is a viewer waits for it, in order', async () => {
  const { socket, channel } = open(false);
  socket.dispatchEvent(new Event('open'));
  socket.say(bytes(1));
  assert.equal(await channel.ready, null);
  socket.say(bytes(2));
  const got: number[] = [];
  channel.onmessage = ({ data }) => got.push(...new Uint8Array(data));
  await Promise.resolve();
  socket.say(bytes(3));
  assert.deepEqual(got, [1, 2, 3]);
});

test('a refusal is told with its error, not given to the viewer', async () => {
  const { socket, channel } = open(false);
  socket.dispatchEvent(new Event('open'));
  socket.say(JSON.stringify({ code: 'hypervisor.timeout', message: 'm', hint: 'h' }));
  socket.end(4000, 'hypervisor.timeout');
  const end = await channel.ready;
  assert.deepEqual([end?.code, end?.refusal?.code, end?.opened], [4000, 'hypervisor.timeout', true]);
});

test('one that never opened says so', async () => {
  const { socket, channel } = open(true);
  socket.end(1006);
  assert.deepEqual(await channel.ready, { code: 1006, reason: '', refusal: null, opened: false });
});

test('a viewer that leaves is told that it has left, and nobody is told of an end', async () => {
  const { socket, channel } = open(true);
  socket.dispatchEvent(new Event('open'));
  await channel.ready;
  const ends: ConsoleEnd[] = [];
  let closes = 0;
  channel.onend = (end) => ends.push(end);
  channel.onclose = () => (closes += 1);
  channel.close();
  channel.close();
  socket.end(1005);
  await Promise.resolve();
  assert.deepEqual([socket.closed, closes, ends.length, channel.readyState], [1, 1, 0, 'closed']);
});

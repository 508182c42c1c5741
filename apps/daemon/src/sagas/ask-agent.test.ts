import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import { askAgentLater } from './ask-agent.ts';

function scene(outcome: () => Promise<void> = () => Promise.resolve()) {
  const lines: string[] = [];
  let asked = 0;
  const guest = {
    requestShutdown: () => {
      asked += 1;
      return outcome();
    },
  };
  const ctx = { signal: new AbortController().signal, log: (line: string) => void lines.push(line), progress: () => undefined };
  return { driver: { guest } as never, ctx, lines, asked: () => asked };
}

test('a guest that has not gone after a while has its agent asked, once', async () => {
  const { driver, ctx, lines, asked } = scene();
  await askAgentLater(driver, ctx, { vmid: 100, signal: ctx.signal, afterMs: 1 });
  assert.equal(asked(), 1);
  assert.equal(lines.length, 1);
});

test('one that has gone meanwhile has not', async () => {
  const { driver, ctx, lines, asked } = scene();
  await askAgentLater(driver, ctx, { vmid: 100, signal: AbortSignal.timeout(1), afterMs: 60_000 });
  assert.equal(asked(), 0);
  assert.deepEqual(lines, []);
});

test('an agent that does not answer is told of, and no error', async () => {
  const { driver, ctx, lines } = scene(() => Promise.reject(new NakhodaError('guest.no-agent', { message: 'silent', hint: 'wait' })));
  await askAgentLater(driver, ctx, { vmid: 100, signal: ctx.signal, afterMs: 1 });
  assert.match(lines[1] ?? '', /no help: silent/);
});

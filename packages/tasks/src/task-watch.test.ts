import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { TaskFollowLine } from '@nakhoda/schema';

import { makeGate, openEngine, sampleKind, user } from './testing/open-engine.ts';
import type { SampleStep } from './testing/open-engine.ts';

const forever = (): AbortSignal => new AbortController().signal;
const show = (line: TaskFollowLine): string => ('log' in line ? line.log.line : line.task.state);

async function openTalking() {
  const gate = makeGate();
  const step: SampleStep = {
    name: 'talk',
    do: async ({ log, signal }) => {
      log('first');
      await gate.pass(signal);
      log('second');
    },
  };
  const opened = await openEngine([sampleKind([step])]);
  const { id } = await opened.engine.start('sample.run', {}, user);
  await gate.reached;
  return { ...opened, gate, id };
}

describe('follow', () => {
  it('gives history, then what happens, and ends with the ended task', async () => {
    const { engine, gate, id } = await openTalking();
    const lines: string[] = [];
    for await (const line of engine.follow(id, forever())) {
      lines.push(show(line));
      if (show(line) === 'first') gate.open();
    }
    assert.deepEqual(lines.slice(0, 2), ['running', 'first']);
    assert.equal(lines.filter((line) => line === 'second').length, 1);
    assert.equal(lines.at(-1), 'succeeded');
  });

  it('gives several followers everything, however slow they are', async () => {
    const { engine, gate, id } = await openTalking();
    const collect = async (beforeEach: () => Promise<unknown>): Promise<string[]> => {
      const lines: string[] = [];
      for await (const line of engine.follow(id, forever())) {
        await beforeEach();
        if ('log' in line) lines.push(show(line));
      }
      return lines;
    };
    const followers = [collect(async () => {}), collect(() => engine.wait(id))];
    gate.open();
    for (const lines of await Promise.all(followers)) assert.deepEqual(lines, ['first', 'second']);
  });

  it('gives the log and the end of a task that ended long ago', async () => {
    const { engine, gate, id } = await openTalking();
    gate.open();
    await engine.wait(id);
    const lines: string[] = [];
    for await (const line of engine.follow(id, forever())) lines.push(show(line));
    assert.deepEqual(lines, ['first', 'second', 'succeeded']);
  });

  it('ends when the signal aborts and when the engine closes', async () => {
    const { engine, id } = await openTalking();
    const abort = new AbortController();
    for await (const line of engine.follow(id, abort.signal)) if (show(line) === 'first') setImmediate(() => abort.abort());
    const states: string[] = [];
    for await (const line of engine.follow(id, forever())) {
      states.push(show(line));
      if (show(line) === 'first') setImmediate(() => void engine.close());
    }
    assert.deepEqual(states, ['running', 'first']);
  });
});

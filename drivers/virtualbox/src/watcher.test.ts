import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DriverEvent } from '@nakhoda/driver';

import { compareSightings, Watcher } from './watcher.ts';
import type { Sighting } from './watcher.ts';

const seen = (vmid: number, state: string, snapshots = '', settings = ''): Sighting => ({ vmid, state, snapshots, settings });
const kinds = (before: Sighting[], after: Sighting[], looked = [100, 101]): string[] =>
  compareSightings(new Map(before.map((sighting) => [sighting.vmid, sighting])), after, looked).map(({ vmid, kind }) => `${vmid} ${kind}`);

test('differences become events', () => {
  assert.deepEqual(kinds([seen(100, 'running')], [seen(100, 'running')]), []);
  assert.deepEqual(kinds([], [seen(100, 'stopped')]), ['100 state']);
  assert.deepEqual(kinds([seen(100, 'running')], [seen(100, 'crashed')]), ['100 state']);
  assert.deepEqual(kinds([seen(100, 'running', 'a')], [seen(100, 'running', 'a b')]), ['100 snapshots']);
  assert.deepEqual(kinds([seen(100, 'running', '', 'a')], [seen(100, 'running', '', 'b')]), ['100 settings']);
  assert.deepEqual(kinds([seen(100, 'stopped'), seen(101, 'stopped')], [seen(101, 'stopped')]), ['100 removed']);
  assert.deepEqual(kinds([seen(100, 'stopped'), seen(101, 'stopped')], [seen(101, 'stopped')], [101]), []);
});

/** A watcher of one VM whose state the test sets, and that looks when it is poked only. */
function watched() {
  const view = { state: 'stopped', looks: 0 };
  const logged: string[] = [];
  const watcher = new Watcher({
    async look() {
      view.looks += 1;
      if (view.state === 'broken') throw new Error('cannot look');
      return [seen(100, view.state)];
    },
    everyMs: () => 1_000_000,
    log: (line) => void logged.push(line),
  });
  return { view, watcher, logged };
}

async function collect(events: AsyncIterable<DriverEvent>, into: string[]): Promise<void> {
  for await (const { vmid, kind } of events) into.push(`${vmid} ${kind}`);
}

test('every listener gets every change; an abort ends its iteration, close all', async () => {
  const { view, watcher } = watched();
  const controller = new AbortController();
  const first: string[] = [];
  const second: string[] = [];
  watcher.poke(100);
  await new Promise(setImmediate);
  const firstDone = collect(watcher.subscribe(controller.signal), first);
  const secondDone = collect(watcher.subscribe(new AbortController().signal), second);

  view.state = 'running';
  watcher.poke(100);
  await new Promise(setImmediate);
  controller.abort();
  await firstDone;
  view.state = 'crashed';
  watcher.poke(100);
  await new Promise(setImmediate);
  watcher.close();
  await secondDone;
  assert.deepEqual(first, ['100 state']);
  assert.deepEqual(second, ['100 state', '100 state']);

  await collect(watcher.subscribe(new AbortController().signal), []);
  const { looks } = view;
  watcher.poke(100);
  assert.equal(view.looks, looks, 'a closed watcher looks no more');
});

test('a look that fails is logged, and the next one goes on', async () => {
  const { view, watcher, logged } = watched();
  const events: string[] = [];
  watcher.poke(100);
  await new Promise(setImmediate);
  const done = collect(watcher.subscribe(new AbortController().signal), events);
  for (const state of ['broken', 'running']) {
    view.state = state;
    watcher.poke(100);
    await new Promise(setImmediate);
  }
  watcher.close();
  await done;
  assert.deepEqual(events, ['100 state']);
  assert.match(logged.join(), /cannot look/);
});

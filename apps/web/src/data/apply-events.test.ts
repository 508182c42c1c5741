import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NakhodaEvent, Task } from '@nakhoda/schema';

import { exampleVm } from '../testing/example-vm.ts';
import { applyEvents, type Kept } from './apply-events.ts';

const nothing: Kept = { vms: new Map(), networks: new Map(), hypervisors: new Map(), tasks: new Map() };
const task = (id: string, state: Task['state']): Task => ({
  id,
  kind: 'vm.start',
  title: id,
  state,
  target: null,
  user: 'admin',
  createdAt: '2026-11-01T08:00:00.000Z',
  startedAt: null,
  endedAt: state === 'running' ? null : '2026-11-01T08:00:01.000Z',
  progress: 1,
  steps: [],
  result: null,
  error: null,
});

test('the last event about a thing holds, and what did not change stays the same object', () => {
  const events: NakhodaEvent[] = [
    { id: 1, type: 'vm', vm: exampleVm({ vmid: 100, state: 'starting' }) },
    { id: 2, type: 'vm', vm: exampleVm({ vmid: 101 }) },
    { id: 3, type: 'vm', vm: exampleVm({ vmid: 100, state: 'running' }) },
    { id: 4, type: 'vm-removed', vmid: 101 },
  ];
  const { kept, resync } = applyEvents(nothing, events, 10);
  assert.deepEqual(
    [...kept.vms.values()].map(({ vmid, state }) => [vmid, state]),
    [[100, 'running']],
  );
  assert.equal(kept.tasks, nothing.tasks);
  assert.equal(nothing.vms.size, 0);
  assert.equal(resync, false);
});

test('the oldest ended tasks are let go, those at work or stuck never', () => {
  const events = (['stuck', 'succeeded', 'running', 'failed', 'succeeded'] as const).map((state, index): NakhodaEvent => ({
    id: index,
    type: 'task',
    task: task(`t${index}`, state),
  }));
  assert.deepEqual([...applyEvents(nothing, events, 3).kept.tasks.keys()], ['t0', 't2', 't4']);
});

test('resync is told on', () => {
  assert.equal(applyEvents(nothing, [{ id: 9, type: 'resync' }], 10).resync, true);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Task } from '@nakhoda/schema';

import { taskOutcome } from './task-outcome.ts';

const task: Task = {
  ...{ id: 't1', kind: 'snapshot.rollback', title: 'Roll web back to first', state: 'succeeded', target: 'vm/100', user: 'root' },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:02.500Z' },
  ...{ progress: 1, steps: [], result: { changes: [], unused: [] }, error: null },
};

test('a rollback tells which fields went back, and what is not used any more', () => {
  assert.equal(taskOutcome(task), 'Roll web back to first: done in 2.5 s');
  const result = {
    changes: [
      { field: 'memoryMiB', running: 1024, wanted: 512 },
      { field: 'nics.net1', running: { slot: 'net1' }, wanted: null },
    ],
    unused: ['disk-1.qcow2'],
  };
  const lines = taskOutcome({ ...task, result }).split('\n');
  assert.match(lines.join('\n'), /memoryMiB +1024 +512\nnics\.net1 +\{"slot":"net1"\} +-/u);
  assert.match(lines.at(-1) ?? '', /kept in the VM's folder \(nakhoda disk unused VM\): disk-1\.qcow2/u);
  assert.equal(taskOutcome({ ...task, kind: 'vm.start', result: null }), 'Roll web back to first: done in 2.5 s');
});

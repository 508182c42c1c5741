import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { createLockQueue } from './lock-queue.ts';

const lockSet = fc.uniqueArray(fc.constantFrom('vm/100', 'vm/101', 'vm/102', 'network/lab'), { maxLength: 4 });
/** A request for locks, or the end (or withdrawal) of one of the tasks so far. */
const action = fc.oneof(fc.record({ locks: lockSet }), fc.record({ release: fc.nat() }));

const overlap = (a: readonly string[], b: readonly string[]): boolean => a.some((lock) => b.includes(lock));

describe('lock queue', () => {
  it('grants exactly what does not overlap with a holder or an earlier request, and in the end everything', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const queue = createLockQueue();
        /** In order of arrival. */
        const tasks: { id: string; locks: string[]; isGranted: boolean }[] = [];
        const check = (): void => {
          for (const [index, task] of tasks.entries()) {
            const mayRun = !tasks.slice(0, index).some(({ locks }) => overlap(locks, task.locks));
            assert.equal(task.isGranted, mayRun, `${task.id} in ${JSON.stringify(tasks)}`);
            assert.equal(queue.holds(task.id), mayRun);
          }
        };
        const release = (index: number): void => {
          const [task] = tasks.splice(index, 1);
          if (task !== undefined) queue.release(task.id);
        };
        for (const [number, step] of actions.entries()) {
          if ('locks' in step) {
            const task = { id: `t${number}`, locks: step.locks, isGranted: false };
            tasks.push(task);
            queue.request(task.id, task.locks, () => {
              assert.ok(!task.isGranted, 'granted once');
              task.isGranted = true;
            });
          } else if (tasks.length > 0) {
            release(step.release % tasks.length);
          }
          check();
        }
        // No deadlock: while anybody waits, somebody runs.
        while (tasks.length > 0) {
          const runner = tasks.findIndex(({ isGranted }) => isGranted);
          assert.notEqual(runner, -1);
          release(runner);
          check();
        }
      }),
      { numRuns: 500 },
    );
  });

  it('lets a holder from before a restart keep its locks until it releases them', () => {
    const queue = createLockQueue();
    const granted: string[] = [];
    queue.hold('old', ['vm/100']);
    queue.request('new', ['vm/100'], () => granted.push('new'));
    queue.request('other', ['vm/101'], () => granted.push('other'));
    assert.deepEqual(granted, ['other']);
    queue.release('old');
    assert.deepEqual(granted, ['other', 'new']);
  });

  it('allows a callback to ask and release', () => {
    const queue = createLockQueue();
    const granted: string[] = [];
    queue.request('a', ['x'], () => {
      queue.request('b', ['x'], () => granted.push('b'));
      queue.release('a');
    });
    assert.deepEqual(granted, ['b']);
  });
});

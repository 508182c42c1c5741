import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import fc from 'fast-check';

import { openEngine, sampleKind } from './testing/open-engine.ts';

const plan = fc.record({
  locks: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 }),
  turns: fc.nat({ max: 3 }),
  end: fc.constantFrom('success', 'failure', 'cancel'),
});

it('tasks with a common lock never run together, whether they succeed, fail or are cancelled, and all of them end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 12 }), async (plans) => {
      const held: string[] = [];
      const kinds = plans.map(({ locks, turns, end }, index) => {
        const enter = (): void => {
          assert.ok(!locks.some((lock) => held.includes(lock)), `${locks.join()} while ${held.join()} are held`);
          held.push(...locks);
        };
        const leave = (): void => {
          for (const lock of locks) held.splice(held.indexOf(lock), 1);
        };
        const work = async (): Promise<void> => {
          enter();
          for (let count = 0; count < turns; count += 1) await turn();
          leave();
        };
        const last = async (): Promise<void> => {
          if (end === 'failure') throw new Error('as planned');
        };
        return sampleKind(
          [
            { name: 'work', do: work, undo: work },
            { name: 'last', do: last },
          ],
          { kind: `k${index}`, locks: () => locks },
        );
      });
      const { engine } = await openEngine(kinds);
      const ids: string[] = [];
      for (const [index, { end }] of plans.entries()) {
        const { id } = await engine.start(`k${index}`, {}, { user: 'admin' });
        ids.push(id);
        if (end !== 'cancel') continue;
        await turn();
        // It may have ended by now.
        await engine.cancel(id).catch((error: unknown) => assert.match(String(error), /has ended already/u));
      }
      for (const [index, id] of ids.entries()) {
        const { state, error } = await engine.wait(id);
        const end = plans[index]?.end;
        const allowed = end === 'success' ? ['succeeded'] : end === 'failure' ? ['failed'] : ['succeeded', 'cancelled'];
        assert.ok(allowed.includes(state), `${end} became ${state}`);
        if (end === 'failure') assert.match(error?.message ?? '', /as planned/u);
      }
      assert.deepEqual(held, []);
    }),
    { numRuns: 100 },
  );
});

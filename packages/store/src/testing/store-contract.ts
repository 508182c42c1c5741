import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { NakhodaError } from '@nakhoda/schema';

import type { Store, StoreChange } from '../store.ts';
import { modelProperty, watchProperty } from './store-properties.ts';
import { type MakeStore, withNewStore } from './with-new-store.ts';

const conflict = (error: unknown): boolean => error instanceof NakhodaError && error.code === 'store.conflict';
const defect = (error: unknown): boolean => error instanceof NakhodaError && error.code === 'internal';

/**
 * What every store does, as tests: each method, its conflicts, watching, and random sequences of operations
 * against a model.
 *
 * @param options.runs random sequences for each property (60); fewer for a store whose writes are slow
 */
export function storeContract(name: string, makeStore: MakeStore, { runs = 60 }: { runs?: number } = {}): void {
  const withStore = (work: (store: Store) => Promise<void>) => (): Promise<void> => withNewStore(makeStore, work);

  describe(`store: ${name}`, () => {
    it(
      'is empty at revision 0 and counts changes',
      withStore(async (store) => {
        assert.equal(await store.revision(), 0);
        assert.equal(await store.get('vm/100'), null);
        assert.deepEqual(await store.list(''), []);
        assert.deepEqual(await store.put('vm/100', { name: 'a' }), { revision: 1 });
        assert.deepEqual(await store.put('vm/101', null), { revision: 2 });
        assert.deepEqual(await store.get('vm/100'), { key: 'vm/100', value: { name: 'a' }, revision: 1 });
        assert.deepEqual(await store.get('vm/101'), { key: 'vm/101', value: null, revision: 2 });
        assert.deepEqual(await store.delete('vm/100'), { revision: 3, deleted: true });
        assert.deepEqual(await store.delete('vm/100'), { revision: 3, deleted: false });
        assert.equal(await store.revision(), 3);
      }),
    );

    it(
      'lists what begins with the prefix, by key',
      withStore(async (store) => {
        for (const key of ['vm/2', 'vm/10', 'vm', 'vmx/1', 'vm/~', 'VM/1', 'network/a']) await store.put(key, key);
        const keys = async (prefix: string): Promise<string[]> => (await store.list(prefix)).map((entry) => entry.key);
        assert.deepEqual(await keys('vm/'), ['vm/10', 'vm/2', 'vm/~']);
        assert.deepEqual(await keys('vm'), ['vm', 'vm/10', 'vm/2', 'vm/~', 'vmx/1']);
        assert.deepEqual(await keys(''), ['VM/1', 'network/a', 'vm', 'vm/10', 'vm/2', 'vm/~', 'vmx/1']);
        assert.deepEqual(await keys('%'), []);
      }),
    );

    it(
      'puts and deletes only at the expected revision',
      withStore(async (store) => {
        await store.put('a', 1, { expectedRevision: 0 });
        await assert.rejects(store.put('a', 2, { expectedRevision: 0 }), conflict);
        await assert.rejects(store.put('b', 2, { expectedRevision: 1 }), conflict);
        await store.put('b', 1);
        await store.put('a', 2, { expectedRevision: 1 });
        await assert.rejects(store.put('a', 3, { expectedRevision: 1 }), conflict);
        await assert.rejects(store.delete('a', { expectedRevision: 2 }), conflict);
        await assert.rejects(store.delete('gone', { expectedRevision: 1 }), conflict);
        assert.deepEqual(await store.delete('gone', { expectedRevision: 0 }), { revision: 3, deleted: false });
        assert.deepEqual(await store.delete('a', { expectedRevision: 3 }), { revision: 4, deleted: true });
        // A key that is made anew does not get its old revisions back.
        await store.put('a', 4, { expectedRevision: 0 });
        assert.equal((await store.get('a'))?.revision, 5);
      }),
    );

    it(
      'tells programs what the conflict is about',
      withStore(async (store) => {
        await store.put('vm/100', 1);
        await assert.rejects(store.put('vm/100', 2, { expectedRevision: 7 }), {
          code: 'store.conflict',
          details: { key: 'vm/100', expected: 7, present: 1 },
        });
      }),
    );

    it(
      'does all of a transaction at one revision, or nothing',
      withStore(async (store) => {
        const { revision } = await store.transact({
          if: [{ key: 'a', revision: 0 }],
          then: [
            { op: 'put', key: 'a', value: 1 },
            { op: 'put', key: 'b', value: 1 },
            { op: 'delete', key: 'c' },
          ],
        });
        assert.equal(revision, 1);
        assert.deepEqual(
          (await store.list('')).map(({ key, revision }) => [key, revision]),
          [
            ['a', 1],
            ['b', 1],
          ],
        );
        const stale = store.transact({
          if: [
            { key: 'a', revision: 1 },
            { key: 'b', revision: 0 },
          ],
          then: [{ op: 'delete', key: 'a' }],
        });
        await assert.rejects(stale, conflict);
        assert.equal((await store.get('a'))?.value, 1);
        assert.equal(await store.revision(), 1);
        // Conditions alone, and deletes of nothing, change nothing.
        assert.deepEqual(await store.transact({ if: [{ key: 'a', revision: 1 }], then: [] }), { revision: 1 });
        assert.deepEqual(await store.transact({ then: [{ op: 'delete', key: 'c' }] }), { revision: 1 });
      }),
    );

    it(
      'refuses malformed keys, values and transactions, and stays as it was',
      withStore(async (store) => {
        for (const key of ['', 'a b', 'a\nb', 'ä', '\uD800', 'a\u0000', 'x'.repeat(513)]) {
          await assert.rejects(store.put(key, 1), defect, JSON.stringify(key));
          await assert.rejects(store.get(key), defect);
          await assert.rejects(store.delete(key), defect);
        }
        await assert.rejects(store.list('a b'), defect);
        await assert.rejects(store.put('a', undefined), defect);
        await assert.rejects(
          store.put('a', () => {}),
          defect,
        );
        const twice = { then: [{ op: 'put', key: 'a', value: 1 } as const, { op: 'delete', key: 'a' } as const] };
        await assert.rejects(store.transact(twice), defect);
        assert.equal(await store.revision(), 0);
        await store.put('x'.repeat(512), 1);
      }),
    );

    it(
      'watches from the call on, and from an old revision on without a seam',
      withStore(async (store) => {
        await store.put('vm/1', 'old');
        await store.put('network/1', 'other');
        const stop = new AbortController();
        const fromNow = store.watch('vm/', { signal: stop.signal });
        const fromOld = store.watch('vm/', { fromRevision: 1, signal: stop.signal });
        await store.put('vm/2', 'new');
        const seen = [collect(fromNow, 3), collect(fromOld, 4)];
        await store.delete('vm/1');
        await store.transact({
          then: [
            { op: 'put', key: 'vm/2', value: 'last' },
            { op: 'put', key: 'network/1', value: 'last' },
          ],
        });
        const changes: StoreChange[] = [
          { kind: 'put', key: 'vm/1', value: 'old', revision: 1 },
          { kind: 'put', key: 'vm/2', value: 'new', revision: 3 },
          { kind: 'delete', key: 'vm/1', value: null, revision: 4 },
          { kind: 'put', key: 'vm/2', value: 'last', revision: 5 },
        ];
        assert.deepEqual(await Promise.all(seen), [changes.slice(1), changes]);
        stop.abort();
      }),
    );

    it(
      'ends a watch when its signal aborts, before or while it waits, and when its reader leaves',
      withStore(async (store) => {
        await store.put('a', 1);
        assert.deepEqual(await collect(store.watch('', { fromRevision: 1, signal: AbortSignal.abort() }), 1), []);
        const stop = new AbortController();
        const waiting = collect(store.watch('', { fromRevision: 1, signal: stop.signal }), 2);
        setImmediate(() => stop.abort());
        assert.equal((await waiting).length, 1);
        assert.equal((await collect(store.watch('', { fromRevision: 1, signal: new AbortController().signal }), 1)).length, 1);
      }),
    );

    it('ends all watches when it is closed', async () => {
      const store = await makeStore();
      await store.put('a', 1);
      const watches = [1, 2].map(() => collect(store.watch('', { fromRevision: 1, signal: new AbortController().signal }), 2));
      setImmediate(() => void store.close());
      for (const changes of await Promise.all(watches)) assert.equal(changes.length, 1);
      await store.close();
    });

    it('agrees with a model over random puts, deletes and transactions', () => modelProperty(makeStore, runs));
    it('shows a watcher just what leads from any revision to the present', () => watchProperty(makeStore, runs));
  });
}

/** The first changes, up to a number; fewer when the watch ends. */
async function collect(watch: AsyncIterable<StoreChange>, count: number): Promise<StoreChange[]> {
  const changes: StoreChange[] = [];
  for await (const change of watch) {
    changes.push(change);
    if (changes.length === count) break;
  }
  return changes;
}

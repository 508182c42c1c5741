import assert from 'node:assert/strict';

import fc from 'fast-check';

import { NakhodaError } from '@nakhoda/schema';

import type { Store, StoreEntry, StoreOperation } from '../store.ts';
import { type MakeStore, withNewStore } from './with-new-store.ts';

/** Few, so that random operations meet; prefixes of one another, and at both ends of what a key may hold. */
const key = fc.constantFrom('vm/1', 'vm/10', 'vm/2', 'vm', 'network/!', 'network/~');
const prefix = fc.constantFrom('', 'vm', 'vm/', 'vm/1', 'network/', 'none');
const operation: fc.Arbitrary<StoreOperation> = fc.oneof(
  fc.record({ op: fc.constant('put' as const), key, value: fc.jsonValue() }),
  fc.record({ op: fc.constant('delete' as const), key }),
);
/** Says of a condition whether it shall hold; the revision is taken from the model when it is carried out. */
const condition = fc.record({ key, holds: fc.boolean() });
const transaction = fc.record({
  conditions: fc.array(condition, { maxLength: 2 }),
  operations: fc.uniqueArray(operation, { selector: ({ key }) => key, maxLength: 4 }),
});
type Transaction = typeof transaction extends fc.Arbitrary<infer T> ? T : never;

/** What a store should be: a map and a counter. */
class Model {
  readonly entries = new Map<string, StoreEntry>();
  revision = 0;

  revisionOf(key: string): number {
    return this.entries.get(key)?.revision ?? 0;
  }

  apply(operations: readonly StoreOperation[]): void {
    const effective = operations.filter(({ op, key }) => op === 'put' || this.entries.has(key));
    if (effective.length === 0) return;
    this.revision += 1;
    for (const operation of effective) {
      if (operation.op === 'delete') this.entries.delete(operation.key);
      // JSON has no -0.
      else this.entries.set(operation.key, { key: operation.key, value: jsonOf(operation.value), revision: this.revision });
    }
  }

  list(prefix: string): StoreEntry[] {
    const entries = [...this.entries.values()].filter((entry) => entry.key.startsWith(prefix));
    return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

export async function modelProperty(makeStore: MakeStore, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(transaction, { maxLength: 20 }),
      fc.array(prefix, { minLength: 1, maxLength: 3 }),
      async (steps, prefixes) => {
        await withNewStore(makeStore, async (store) => {
          const model = new Model();
          for (const step of steps) {
            await carryOut(store, model, step);
            assert.equal(await store.revision(), model.revision);
            for (const prefix of prefixes) assert.deepEqual(await store.list(prefix), model.list(prefix));
          }
          for (const { key } of steps.flatMap(({ operations }) => operations)) {
            assert.deepEqual(await store.get(key), model.entries.get(key) ?? null);
          }
        });
      },
    ),
    { numRuns: runs },
  );
}

export async function watchProperty(makeStore: MakeStore, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(transaction, { maxLength: 12 }), fc.nat(), prefix, async (steps, start, prefix) => {
      await withNewStore(makeStore, async (store) => {
        const model = new Model();
        const stop = new AbortController();
        const from = start % (steps.length + 1);
        /** The prefix's entries at the time `from`, on which the watched changes are carried out. */
        let copy = new Map<string, StoreEntry>();
        let watching: Promise<void> | undefined;
        for (const [index, step] of steps.entries()) {
          if (index === from) {
            copy = new Map(model.list(prefix).map((entry) => [entry.key, entry]));
            watching = replay(store.watch(prefix, { fromRevision: model.revision + 1, signal: stop.signal }), copy);
          }
          await carryOut(store, model, step);
        }
        if (watching === undefined) return;
        // A last change that the watcher must see tells that it has seen the others.
        const { revision } = await store.put(`${prefix}end`, 'end');
        model.apply([{ op: 'put', key: `${prefix}end`, value: 'end' }]);
        await watching;
        assert.equal(model.revision, revision);
        assert.deepEqual(
          [...copy.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
          model.list(prefix),
        );
        stop.abort();
      });
    }),
    { numRuns: runs },
  );
}

/** Carries changes out on a copy until the one that says 'end'. */
async function replay(watch: ReturnType<Store['watch']>, copy: Map<string, StoreEntry>): Promise<void> {
  let last = 0;
  for await (const { kind, key, value, revision } of watch) {
    assert.ok(revision >= last, 'in order');
    last = revision;
    if (kind === 'put') copy.set(key, { key, value, revision });
    else assert.ok(copy.delete(key), 'only what is there is deleted');
    if (key.endsWith('end')) return;
  }
}

/** Carries one step out on store and model, by the simplest method that can do it. */
async function carryOut(store: Store, model: Model, { conditions, operations }: Transaction): Promise<void> {
  const expected = conditions.map(({ key, holds }) => ({ key, revision: model.revisionOf(key) + (holds ? 0 : 1) }));
  const [only, condition] = [operations[0], expected[0]];
  const isSingle = operations.length === 1 && expected.every(({ key }) => key === only?.key) && expected.length <= 1;
  const call = async (): Promise<{ revision: number }> => {
    if (!isSingle || only === undefined) return store.transact({ if: expected, then: operations });
    const options = condition === undefined ? {} : { expectedRevision: condition.revision };
    return only.op === 'put' ? store.put(only.key, only.value, options) : store.delete(only.key, options);
  };
  if (conditions.some(({ holds }) => !holds)) {
    await assert.rejects(call(), (error) => error instanceof NakhodaError && error.code === 'store.conflict');
    return;
  }
  model.apply(operations);
  assert.equal((await call()).revision, model.revision);
}

function jsonOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

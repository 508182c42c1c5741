import assert from 'node:assert/strict';

import type { Bench } from './bench.ts';

/**
 * Fails unless the VM's snapshots are exactly these, each with its parent, `current` the one marked,
 * and `inspect` agrees. Order does not count.
 */
export async function expectTree(
  bench: Bench,
  when: string,
  parents: Record<string, string | null>,
  current: string | null,
): Promise<void> {
  const list = await bench.snapshots.list(bench.ctx, { vmid: bench.vmid });
  assert.deepEqual(Object.fromEntries(list.map(({ name, parent }) => [name, parent])), parents, `${when}: names with their parents`);
  assert.equal(list.length, Object.keys(parents).length, `${when}: a snapshot is listed twice`);
  const marked = list.filter((snapshot) => snapshot.current).map(({ name }) => name);
  assert.deepEqual(marked, current === null ? [] : [current], `${when}: the snapshot that the VM goes on from`);
  assert.equal((await bench.status()).currentSnapshot, current ?? undefined, `${when}: inspect's currentSnapshot`);
}

/** The tree as it is, in the form that `expectTree` takes. */
export async function tree(bench: Bench): Promise<{ parents: Record<string, string | null>; current: string | null }> {
  const list = await bench.snapshots.list(bench.ctx, { vmid: bench.vmid });
  return {
    parents: Object.fromEntries(list.map(({ name, parent }) => [name, parent])),
    current: list.find((snapshot) => snapshot.current)?.name ?? null,
  };
}

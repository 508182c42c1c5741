import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { rejection, rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { snapshotDisks } from './disk-changes.ts';
import { disksOnly } from './live-snapshots.ts';
import { expectTree, tree } from './snapshot-tree.ts';

/** The tree of the stopped machine. Leaves it stopped, with the snapshots that it came with and maybe `base`. */
export async function stoppedSnapshots(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const degrees = driver.capabilities().snapshots;
  if (!degrees) return;
  const limit = bench.limits.snapshot;
  const take = (name: string): Promise<void> => bench.snapshots.take(ctx, { vmid, name, description: `the ${name}`, memory: false });
  const rollback = (name: string): Promise<void> => bench.snapshots.rollback(ctx, { vmid, name });
  const remove = (name: string): Promise<void> => bench.snapshots.delete(ctx, { vmid, name });

  let before: Awaited<ReturnType<typeof tree>> = { parents: {}, current: null };
  await bench.promise(t, 'memory of a stopped VM is snapshot.needs-running', limit, async () => {
    await bench.stopped();
    before = await tree(bench);
    const attempt = bench.snapshots.take(ctx, { vmid, name: 'memory', description: '', memory: true });
    await rejectsWith('snapshot.needs-running', attempt, 'take');
    await expectTree(bench, 'after the refusal', before.parents, before.current);
  });

  await bench.promise(t, 'a name that is none is refused', limit, async () => {
    for (const name of ['', '-rf', 'a b', '../x', 'a\nb', "a'b", 'x'.repeat(10_000)]) {
      await rejection(take(name), `take of ${JSON.stringify(name.slice(0, 20))}`);
    }
    await expectTree(bench, 'after the refusals', before.parents, before.current);
  });

  if (degrees.live && disksOnly in before.parents) {
    await bench.promise(t, 'rollback to a snapshot without memory leaves the VM stopped', limit, async () => {
      await rollback(disksOnly);
      await bench.expectState('stopped', 'after rollback');
      await expectTree(bench, 'after rollback', before.parents, disksOnly);
      before.current = disksOnly;
    });
  }

  await bench.promise(t, 'snapshots of a stopped VM form a chain', limit * 3, async () => {
    for (const name of ['base', 'left', 'leaf']) await take(name);
    await bench.expectState('stopped', 'after take');
    await expectTree(bench, 'after three', { ...before.parents, base: before.current, left: 'base', leaf: 'left' }, 'leaf');
    const names = (await bench.snapshots.list(ctx, { vmid })).map(({ name }) => name);
    assert.deepEqual(names.slice(-3), ['base', 'left', 'leaf'], 'oldest first');
    await rejectsWith('snapshot.name-taken', take('left'), 'take');
  });

  await bench.promise(t, 'after a rollback to an older one the next grows a branch from there', limit * 3, async () => {
    const chain = { ...before.parents, base: before.current, left: 'base', leaf: 'left' };
    await rollback('base');
    await expectTree(bench, 'after rollback', chain, 'base');
    await rollback('base');
    await expectTree(bench, 'after the second rollback', chain, 'base');
    await bench.expectState('stopped', 'after rollback');
    await take('right');
    await expectTree(bench, 'after take', { ...chain, right: 'base' }, 'right');
  });

  await bench.promise(t, 'deleting one in the middle moves its child up, or is snapshot.has-children', limit * 2, async () => {
    const branches = { ...before.parents, base: before.current, right: 'base' };
    if (degrees.deleteWithChildren) {
      await remove('left');
      await expectTree(bench, 'after delete', { ...branches, leaf: 'base' }, 'right');
    } else {
      await rejectsWith('snapshot.has-children', remove('left'), 'delete');
      await expectTree(bench, 'after the refusal', { ...branches, left: 'base', leaf: 'left' }, 'right');
      await remove('leaf');
      await remove('left');
      await expectTree(bench, 'after delete', branches, 'right');
    }
  });

  await snapshotDisks(t, bench);

  await bench.promise(t, 'deleting the current one makes its parent current; what is gone is snapshot.not-found', limit * 4, async () => {
    await remove('right');
    const { parents } = await tree(bench);
    await expectTree(bench, 'after delete', parents, 'base');
    assert.ok(!('right' in parents), 'it is still there');
    await rejectsWith('snapshot.not-found', remove('right'), 'the second delete');
    if (degrees.deleteWithChildren) await remove('leaf');
    await expectTree(bench, 'after delete', { ...before.parents, base: before.current }, 'base');
  });
}

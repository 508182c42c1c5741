import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';

import type { CloneOptions, MachineSpec } from '../driver.ts';
import { filesUnder, rejectsWith } from './assertions.ts';
import { Bench } from './bench.ts';
import { disksOnly } from './live-snapshots.ts';
import { tree } from './snapshot-tree.ts';

/** Machines made of the running one, whole and linked. Leaves it running, as it was. */
export async function clones(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { clone } = driver;
  const degrees = driver.capabilities().snapshots;
  if (!clone || !driver.guest || !degrees?.live) return;
  const { boot, call, exec, snapshot } = bench.limits;
  const whole = boot * 2 + snapshot * 2 + call * 4 + exec * 10;

  /** A description of a clone: another identity, the same disks, and the source's hardware. */
  const cloneSpec = async (): Promise<MachineSpec> => {
    const { vmid: id, name, uuid, directory, runtimeDirectory, nics } = await bench.harness.spec();
    const disks = bench.spec.disks.map((disk) => ({ ...disk, path: join(directory, basename(disk.path)) }));
    return { ...bench.spec, vmid: id, name, uuid, directory, runtimeDirectory, disks, nics };
  };
  /** Makes it, tries it while it runs, and removes it. */
  const withClone = async (options: Omit<CloneOptions, 'spec'>, look: (made: Bench) => Promise<void>): Promise<void> => {
    const spec = await cloneSpec();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(async () => {
      if ((await driver.inspect(ctx, { vmid: spec.vmid })) !== null) {
        await driver.stop(ctx, { vmid: spec.vmid, mode: 'poweroff', timeoutSeconds: call });
      }
      await driver.undefine(ctx, { vmid: spec.vmid });
      assert.deepEqual([...(await filesUnder(spec.directory)), ...(await filesUnder(spec.runtimeDirectory))], [], 'left by the clone');
    });
    await clone(ctx, { ...options, spec });
    await driver.define(ctx, { spec });
    const made = new Bench(bench.harness, driver, spec);
    const status = await made.expectState('stopped', 'after define');
    assert.equal(status.uuid, spec.uuid);
    assert.deepEqual(await driver.snapshots?.list(ctx, { vmid: spec.vmid }), [], "a clone has none of its source's snapshots");
    await look(made);
  };

  await bench.promise(t, 'what cannot be cloned is told, and nothing of it stays', call * 3, async () => {
    await bench.running();
    const spec = await cloneSpec();
    const attempt = (options: Partial<CloneOptions>): Promise<void> =>
      clone(ctx, { source: vmid, snapshot: null, linked: false, spec, ...options });
    await rejectsWith('vm.not-found', attempt({ source: 999_999_001 }), 'a clone of nothing');
    await rejectsWith('snapshot.not-found', attempt({ snapshot: 'nowhere' }), 'a clone of a snapshot that is none');
    await rejectsWith('vm.wrong-state', attempt({ linked: true }), 'a linked clone of what a running VM holds now');
    assert.equal(await driver.inspect(ctx, { vmid: spec.vmid }), null);
    assert.deepEqual([...(await filesUnder(spec.directory)), ...(await filesUnder(spec.runtimeDirectory))], []);
  });

  await bench.promise(t, 'a full clone of a running VM holds what its disks held, and the VM runs on', whole, async () => {
    await bench.running();
    const before = await tree(bench);
    const { pid } = await bench.status();
    await bench.shell('echo before > /data/clone; sync');
    await withClone({ source: vmid, snapshot: null, linked: false }, async (made) => {
      assert.equal((await bench.expectState('running', 'after the clone')).pid, pid, 'it runs in another process');
      assert.deepEqual(await tree(bench), before, 'its snapshots are others');
      await bench.shell('echo after > /data/clone; sync');
      if (bench.harness.bootsFullClones === false) return;
      await made.running();
      assert.equal(await made.shell('cat /data/clone /data/generation'), 'before\n2');
      await made.shell('echo its own > /data/clone; sync');
      assert.equal(await bench.shell('cat /data/clone'), 'after');
    });
  });

  await bench.promise(t, 'a linked clone of a snapshot holds what that holds, and changes nothing of it', whole, async () => {
    await bench.running();
    const before = await tree(bench);
    await withClone({ source: vmid, snapshot: disksOnly, linked: true }, async (made) => {
      await made.running();
      assert.equal(await made.shell('cat /data/generation; [ -e /data/clone ] || echo none'), '1\nnone');
      // Nothing but the clone writes while its source stands still.
      await driver.pause?.pause(ctx, { vmid });
      const hashes = await imageHashes(bench);
      await made.shell('dd if=/dev/zero of=/data/filler bs=64k count=32 2>/dev/null; echo its own > /data/generation; sync');
      await made.powerOff();
      assert.deepEqual(await imageHashes(bench), hashes, "an image of the clone's source has changed");
      await driver.pause?.resume(ctx, { vmid });
      assert.equal(await bench.shell('cat /data/generation'), '2');
      assert.deepEqual(await tree(bench), before, "its source's snapshots are others");
    });
    await bench.expectState('running', 'after the clone');
    assert.equal(await bench.shell('cat /data/clone /data/generation; rm /data/clone; sync'), 'after\n2');
  });
}

/** Hashes of all the machine's images, by path. */
async function imageHashes(bench: Bench): Promise<Record<string, string>> {
  const images = (await filesUnder(bench.spec.directory)).filter((path) => /\.(?:qcow2|vdi)$/u.test(path));
  const hashes: Record<string, string> = {};
  for (const path of images)
    hashes[path] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  return hashes;
}

import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { expectTree } from './snapshot-tree.ts';

/** Names that the later chapters count on, where the hypervisor can make them. */
export const withMemory = 'live';
export const disksOnly = 'disks';

const description = 'Sebelum "percobaan": it\'s the first line\n\tsecond, with <tags>, \\ and $HOME\n終わり 🚢';

/**
 * Snapshots of the running machine. Leaves it running from `live` with `disks` taken after it:
 * on the disk of `disks` is /data/generation with the content 1, later it is 2.
 */
export async function liveSnapshots(t: TestContext, bench: Bench): Promise<void> {
  const degrees = bench.driver.capabilities().snapshots;
  if (!degrees || !bench.driver.guest) return;
  const { boot, exec } = bench.limits;
  await bench.promise(t, 'a VM without snapshots has an empty list', boot + exec, async () => {
    await bench.running();
    await expectTree(bench, 'before the first', {}, null);
  });
  if (degrees.memory) await memorySnapshot(t, bench);
  if (degrees.live) await diskSnapshot(t, bench, degrees.memory ? withMemory : null);
}

/** What proves that a guest is the one of the snapshot: its disk, its memory, and the run of its kernel. */
async function evidence(bench: Bench): Promise<Record<string, string>> {
  return {
    'files on the disk': await bench.output(['ls', '/data']),
    "the marker's hash": await bench.output(['sha256sum', '/data/marker']),
    'a file in memory': await bench.output(['cat', '/run/memory']),
    "the kernel's run": await bench.output(['cat', '/proc/sys/kernel/random/boot_id']),
  };
}

/** The change of the experiment: a folder with a file in it, another marker, other memory. */
async function change(bench: Bench): Promise<void> {
  await bench.run(['mkdir', '/data/uji rollback']);
  await bench.shell('echo percobaan > "/data/uji rollback/test.txt"; echo changed > /data/marker; echo after > /run/memory; sync');
  assert.equal(await bench.output(['cat', '/data/uji rollback/test.txt']), 'percobaan');
}

/** More memory, another disk and another NIC: in the running VM as far as that goes, then in the stopped one. Gives the new image. */
async function changeMachine(bench: Bench): Promise<[string]> {
  const { driver, spec, ctx } = bench;
  const disk = { ...spec.disks[0]!, slot: 'disk1', path: join(spec.directory, `disk-9.${spec.disks[0]!.format}`) };
  const nic = { ...spec.nics[0]!, slot: 'net1', mac: spec.nics[0]!.mac.replace(/^52/u, '56') };
  const other = { ...spec, memoryMiB: spec.memoryMiB + 32, disks: [...spec.disks, disk], nics: [...spec.nics, nic] };
  await driver.hotplug?.change(ctx, { spec: other });
  await bench.powerOff();
  await driver.define(ctx, { spec: other });
  return [disk.path];
}

async function memorySnapshot(t: TestContext, bench: Bench): Promise<void> {
  const { ctx, vmid } = bench;
  const { exec, snapshot, boot } = bench.limits;
  const rolledBack = snapshot * 2 + boot + exec * 10;
  let before: Record<string, string> = {};

  await bench.promise(t, 'take with memory leaves the VM running and tells all about the snapshot', snapshot + exec * 8, async () => {
    await bench.shell('echo marker of the contract > /data/marker; echo before > /run/memory; sync');
    before = await evidence(bench);
    const since = Date.now();
    await bench.snapshots.take(ctx, { vmid, name: withMemory, description, memory: true });
    await bench.expectState('running', 'after take');
    await expectTree(bench, 'after take', { [withMemory]: null }, withMemory);
    const [taken] = await bench.snapshots.list(ctx, { vmid });
    assert.equal(taken?.description, description, 'the description came back changed');
    assert.equal(taken.memory, true);
    const at = Date.parse(taken.createdAt);
    assert.ok(at >= since - 2000 && at <= Date.now() + 2000, `createdAt is ${taken.createdAt}`);
    assert.deepEqual(await evidence(bench), before, 'the guest is another after take');
  });

  await bench.promise(t, 'a name is taken once', snapshot, async () => {
    const again = bench.snapshots.take(ctx, { vmid, name: withMemory, description: '', memory: true });
    await rejectsWith('snapshot.name-taken', again, 'take');
    await expectTree(bench, 'after the refusal', { [withMemory]: null }, withMemory);
    assert.equal((await bench.snapshots.list(ctx, { vmid }))[0]?.description, description);
  });

  const expectBack = async (): Promise<void> => {
    const { changedOutside } = await bench.expectState('running', 'after rollback');
    await bench.running();
    assert.notEqual((await bench.run(['ls', '/data/uji rollback'])).exitCode, 0, 'the folder made later is still there');
    assert.deepEqual(await evidence(bench), before);
    await expectTree(bench, 'after rollback', { [withMemory]: null }, withMemory);
    assert.equal(changedOutside, undefined);
  };

  await bench.promise(t, 'rollback brings disk, memory and running processes back', rolledBack, async () => {
    await change(bench);
    await bench.snapshots.rollback(ctx, { vmid, name: withMemory });
    await expectBack();
  });

  await bench.promise(t, 'a second rollback brings back also the machine that was changed since', rolledBack, async () => {
    const then = bench.spec;
    await change(bench);
    const [image] = await changeMachine(bench);
    await bench.snapshots.rollback(ctx, { vmid, name: withMemory, spec: then });
    await expectBack();
    // What is defined already can be defined while it runs, and nothing else can.
    await bench.driver.define(ctx, { spec: then });
    await access(image);
  });

  await bench.promise(t, 'rollback to an unknown snapshot is snapshot.not-found and disturbs nothing', snapshot, async () => {
    await rejectsWith('snapshot.not-found', bench.snapshots.rollback(ctx, { vmid, name: 'nowhere' }), 'rollback');
    await rejectsWith('snapshot.not-found', bench.snapshots.delete(ctx, { vmid, name: 'nowhere' }), 'delete');
    await bench.expectState('running', 'after the refusals');
    await expectTree(bench, 'after the refusals', { [withMemory]: null }, withMemory);
  });
}

async function diskSnapshot(t: TestContext, bench: Bench, parent: string | null): Promise<void> {
  const { ctx, vmid } = bench;
  const { exec, snapshot } = bench.limits;
  await bench.promise(t, 'take without memory of a running VM keeps its disks and lets it run', snapshot + exec * 4, async () => {
    await bench.shell('echo 1 > /data/generation; sync');
    await bench.snapshots.take(ctx, { vmid, name: disksOnly, description: '', memory: false });
    await bench.expectState('running', 'after take');
    await expectTree(bench, 'after take', { ...(parent ? { [parent]: null } : {}), [disksOnly]: parent }, disksOnly);
    const taken = (await bench.snapshots.list(ctx, { vmid })).find(({ name }) => name === disksOnly);
    assert.equal(taken?.memory, false);
    assert.equal(taken.description, '');
    await bench.shell('echo 2 > /data/generation; sync');
    assert.equal(await bench.output(['cat', '/data/generation']), '2');
  });
}

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { testContext } from '@nakhoda/driver/contract';

import { parseMachine } from './machine-file.ts';
import { parseMachineMedia } from './machine-media.ts';
import { CloneBench, filesBelow, hasCode, history } from './testing/clone-bench.ts';
import { writeBlock } from './testing/write-block.ts';
import { readVdiHeader } from './vdi-header.ts';

// What the contract's chapter does not show of clones. Nothing boots in these VMs: their disks' blocks are written by hand
// while they stand still, and VirtualBox itself says what the clones hold.
const ctx = testContext();
const bench = new CloneBench();

before(() => bench.begin());
after(() => bench.end());

const MiB = 1024 * 1024;
const { first, second, now } = history;

test('full and linked clones of each snapshot, and of now, hold what VirtualBox says', { timeout: 120_000 }, async (t) => {
  const source = await bench.withSource(t);
  if (!source) return;
  await bench.withHistory(source);
  assert.deepEqual(await bench.blocks(await bench.inDrive(source)), now);
  const before = await bench.hashes(source);
  const tree = await bench.driver.snapshots?.list(ctx, { vmid: source.vmid });
  for (const [snapshot, expected] of [
    ['first', first],
    ['second', second],
    [null, now],
  ] as const) {
    for (const linked of [false, true]) {
      const made = await bench.clone(source, { snapshot, linked });
      assert.deepEqual(await bench.blocks(await bench.inDrive(made)), expected, `${snapshot} ${linked}`);
      if (!linked) assert.equal((await readVdiHeader(made.disks[0]?.path ?? ''))?.parentUuid, null);
    }
  }
  const after = await bench.hashes(source);
  assert.deepEqual(Object.fromEntries(Object.keys(before).map((path) => [path, after[path]])), before);
  assert.deepEqual(await bench.driver.snapshots?.list(ctx, { vmid: source.vmid }), tree);

  await bench.endService();
  await bench.driver.close();
  bench.driver = bench.host.makeDriver();
  const all = await bench.driver.list(ctx);
  assert.equal(all.length, 7);
  for (const { uuid, vmid, changedOutside } of all) {
    assert.equal(changedOutside, undefined, `${vmid}`);
    assert.doesNotMatch(await bench.host.vboxManage(['showvminfo', uuid]), /inaccessible|access error/iu);
  }
});

test('a linked clone is a VM like others, on top of which there may be another', { timeout: 120_000 }, async (t) => {
  const source = await bench.withSource(t);
  if (!source) return;
  await bench.withHistory(source);
  const { vmid } = source;
  const linked = await bench.clone(source, { snapshot: 'first', linked: true });
  const own = linked.disks[0]?.path ?? '';
  const before = { ...(await bench.hashes(source)), [own]: (await bench.hashes(linked))[own] };
  const unchanged = async (): Promise<void> => {
    const after: Record<string, string | undefined> = { ...(await bench.hashes(source)), ...(await bench.hashes(linked)) };
    assert.deepEqual(Object.fromEntries(Object.keys(before).map((path) => [path, after[path]])), before);
  };

  // Snapshots, one deleted into a smaller image and one into a larger: VirtualBox merges into the larger.
  await writeBlock(await bench.topImage(linked), 6, 0x44);
  await writeBlock(await bench.topImage(linked), 7, 0x44);
  await bench.takeSnapshot(linked, 'large');
  await writeBlock(await bench.topImage(linked), 7, 0x55);
  await bench.takeSnapshot(linked, 'small');
  for (const block of [0, 1, 2]) await writeBlock(await bench.topImage(linked), block, 0x66);
  const content = [0x66, 0x66, 0x66, 0x11, 0, 0, 0x44, 0x55];
  assert.deepEqual(await bench.blocks(await bench.inDrive(linked)), content);
  assert.deepEqual((await bench.driver.inspect(ctx, { vmid: linked.vmid }))?.changedOutside, undefined);

  const upper = await bench.clone(linked, { snapshot: 'large', linked: true });
  assert.deepEqual(await bench.blocks(await bench.inDrive(upper)), [0x11, 0x11, 0x11, 0x11, 0, 0, 0x44, 0x44]);
  await assert.rejects(bench.remove({ vmid: linked.vmid, name: 'large' }), hasCode('snapshot.has-children'));
  await assert.rejects(bench.remove({ vmid, name: 'first' }), hasCode('snapshot.has-children'));
  await assert.rejects(bench.driver.undefine(ctx, { vmid: linked.vmid }), hasCode('vm.wrong-state'));
  await assert.rejects(bench.driver.undefine(ctx, { vmid }), hasCode('vm.wrong-state'));
  await unchanged();
  const whole = await bench.clone(upper, { snapshot: null, linked: false });
  await bench.driver.undefine(ctx, { vmid: upper.vmid });
  assert.deepEqual(await filesBelow(upper.directory), []);
  assert.deepEqual(await bench.blocks(await bench.inDrive(whole)), [0x11, 0x11, 0x11, 0x11, 0, 0, 0x44, 0x44]);

  for (const name of ['small', 'large']) {
    await bench.driver.snapshots?.delete(ctx, { vmid: linked.vmid, name });
    assert.deepEqual(await bench.blocks(await bench.inDrive(linked)), content);
    assert.equal((await bench.driver.inspect(ctx, { vmid: linked.vmid }))?.changedOutside, undefined);
    await unchanged();
  }

  // It does not grow. Its disk moves to another controller, goes, and comes back, with what is on it.
  const [disk] = linked.disks;
  assert.ok(disk);
  await assert.rejects(
    bench.driver.define(ctx, { spec: { ...linked, disks: [{ ...disk, sizeBytes: 10 * MiB }] } }),
    hasCode('vm.unsupported'),
  );
  const moved = { ...linked, memoryMiB: 192, disks: [{ ...disk, bus: 'scsi' as const }] };
  await bench.driver.define(ctx, { spec: moved });
  await bench.driver.define(ctx, { spec: moved });
  assert.deepEqual(await bench.blocks(await bench.inDrive(linked)), content);
  await bench.driver.define(ctx, { spec: { ...moved, disks: [] } });
  await bench.driver.define(ctx, { spec: linked });
  assert.deepEqual(await bench.blocks(await bench.inDrive(linked)), content);
  assert.equal((await bench.driver.inspect(ctx, { vmid: linked.vmid }))?.changedOutside, undefined);
  await unchanged();

  // A service that knows only what is in files; then they run side by side.
  await bench.endService();
  await bench.driver.close();
  bench.driver = bench.host.makeDriver();
  for (const machine of [vmid, linked.vmid]) await bench.driver.start(ctx, { vmid: machine });
  await bench.driver.snapshots?.take(ctx, { vmid: linked.vmid, name: 'live', description: '', memory: true });
  await bench.driver.snapshots?.delete(ctx, { vmid: linked.vmid, name: 'live' });
  for (const machine of [vmid, linked.vmid]) await bench.driver.stop(ctx, { vmid: machine, mode: 'poweroff', timeoutSeconds: 30 });
  assert.deepEqual(await bench.blocks(await bench.inDrive(linked)), content);
  await bench.driver.undefine(ctx, { vmid: linked.vmid });
  assert.deepEqual(await filesBelow(linked.directory), []);
  assert.equal(parseMachineMedia(await bench.settings(source)).media.length, 3);
  assert.deepEqual(await bench.blocks(await bench.inDrive(source)), now);
});

test('linked clones of a stopped VM share what they grow from, which goes with the last of them', { timeout: 60_000 }, async (t) => {
  const source = await bench.withSource(t);
  if (!source) return;
  await writeBlock(await bench.topImage(source), 4, 0x77);
  const names = async (): Promise<number> => parseMachine(await bench.settings(source))?.snapshots.length ?? -1;
  const clones = [await bench.clone(source, { snapshot: null, linked: true }), await bench.clone(source, { snapshot: null, linked: true })];
  assert.equal(await names(), 1);
  const status = await bench.driver.inspect(ctx, { vmid: source.vmid });
  assert.deepEqual([status?.currentSnapshot, status?.changedOutside], [undefined, undefined]);
  assert.deepEqual(await bench.driver.snapshots?.list(ctx, { vmid: source.vmid }), []);
  for (const made of clones) {
    assert.deepEqual(await bench.blocks(await bench.inDrive(made)), [0, 0, 0, 0, 0x77, 0, 0, 0]);
    assert.equal(await names(), 1);
    await bench.driver.undefine(ctx, { vmid: made.vmid });
  }
  assert.equal(await names(), 0);
  assert.deepEqual(await bench.blocks(await bench.inDrive(source)), [0, 0, 0, 0, 0x77, 0, 0, 0]);
  assert.equal((await filesBelow(source.directory)).filter((path) => path.endsWith('.vdi')).length, 1);
});

test('UEFI variables go along, as they were in the snapshot', { timeout: 60_000 }, async (t) => {
  const source = await bench.withSource(t);
  if (!source) return;
  // Its guest is not started: the interpreter does not run this firmware.
  await bench.driver.close();
  bench.driver = bench.host.makeDriver({
    hostFacts: () => ({
      ...{ version: bench.host.runtime?.version ?? null, lacksRoot: false, missingProgram: null, bridging: false, vncPack: false },
      ...{ driverVersion: bench.host.runtime?.version ?? null, driverDevice: true, virtualizationFlag: true },
    }),
  });
  const uefi = { firmware: 'uefi', secureBoot: true, tpm: true } as const;
  await bench.driver.define(ctx, { spec: { ...source, ...uefi } });
  await bench.takeSnapshot(source, 'own');
  const variable = ['--name', 'PKDefault'];
  const value = join(bench.host.userHome, 'value');
  const change = async (text: string): Promise<void> => {
    await writeFile(value, text);
    await bench.host.account.handOver(value);
    await bench.host.vboxManage(['modifynvram', source.uuid, 'changevar', ...variable, '--filename', value]);
  };
  await change('before');
  await bench.takeSnapshot(source, 'changed');
  await change('after');
  await rm(value);
  for (const [snapshot, linked, expected] of [
    ['own', true, null],
    ['changed', false, 'before'],
    ['changed', true, 'before'],
    [null, false, 'after'],
  ] as const) {
    const made = await bench.clone(source, { snapshot, linked }, uefi);
    const dump = await bench.host.vboxManage(['modifynvram', made.uuid, 'queryvar', ...variable]);
    assert.equal(/0000: .* (before|after)$/mu.exec(dump)?.[1] ?? null, expected, dump);
    assert.match(await bench.host.vboxManage(['modifynvram', made.uuid, 'listvars']), /^PK /mu);
  }
});

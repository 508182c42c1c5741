import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { exec, waitFor } from '@nakhoda/host';

import { machinePaths } from './machine-paths.ts';
import { readSnapshots } from './snapshot-store.ts';
import { busyGuest } from './testing/busy-guest.ts';
import { cloneSpec, filesIn, makeClone, order } from './testing/clone-bench.ts';
import { makeRealQemu } from './testing/real-qemu.ts';
import { images, powerOff, remove, scribble, scribbled, stateOf, take, twoDisks } from './testing/snapshot-bench.ts';

const ctx = testContext();

/** Orders a full clone in a process of its own, and kills that as soon as the condition holds. True when it was done before. */
async function killAt(folder: string, source: number, spec: MachineSpec, condition: () => Promise<boolean> | boolean): Promise<boolean> {
  const script = fileURLToPath(new URL('testing/clone-order.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder, String(source), JSON.stringify(spec)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  await once(child.stdout, 'data');
  await waitFor(async () => child.exitCode !== null || (await condition()), { timeoutMs: 20_000, pollMs: 1 });
  child.kill('SIGKILL');
  await ended;
  return said.includes('done');
}

test(
  'wherever its daemon is killed while it clones a running VM, that goes on, and nothing of the clone stays',
  { timeout: 180_000 },
  async (t) => {
    await using qemu = await makeRealQemu();
    let driver: Driver = await qemu.makeDriver();
    const a = await qemu.spec();
    const { vmid } = a;
    await driver.define(ctx, { spec: a });
    await driver.start(ctx, { vmid });
    const guest = await busyGuest(driver, ctx, vmid);
    await guest.shell('dd if=/dev/urandom of=/data/filler bs=1M count=24 2>/dev/null; sync');
    await guest.count();
    const before = Number(await guest.shell('cat /data/count'));
    const spec = await cloneSpec(qemu, a);
    const image = join(spec.directory, 'disk0.qcow2');
    const active = async (): Promise<boolean> => (await readSnapshots(a)).active !== 0;
    /** In the order in which they come. */
    const moments = {
      'the clone is on record': () => existsSync(machinePaths(spec).record),
      'the overlays of the source are on record': active,
      'the disk is there, and the overlays are to be merged': () => existsSync(image),
      'the disk is being copied': () => existsSync(`${image}.new`),
    };
    let killed = 0;
    for (const [moment, condition] of Object.entries(moments)) {
      await driver.close();
      const done = await killAt(qemu.folder, vmid, spec, condition);
      if (!done) killed += 1;
      driver = await qemu.makeDriver();
      assert.equal(await stateOf(driver, vmid), 'running');
      const made = await driver.inspect(ctx, { vmid: spec.vmid });
      t.diagnostic(`${moment}: ${done ? 'done' : 'killed'}; ${(await images(a)).join(' ')}; ${made?.reason ?? made?.state ?? 'no clone'}`);
      assert.ok(made, 'there is no record of the clone');
      if (made.reason !== undefined) {
        await assert.rejects(driver.start(ctx, { vmid: spec.vmid }), { code: 'vm.wrong-state', message: /not finished/ });
        await assert.rejects(driver.define(ctx, { spec }), { code: 'vm.wrong-state', message: /not finished/ });
      }
      // What is left by the last attempt is made anew by the next.
      if (condition === moments['the disk is being copied']) break;
      // As the task does that is undone after a crash.
      await driver.undefine(ctx, { vmid: spec.vmid });
      assert.deepEqual([...(await filesIn(spec.directory)), ...(await filesIn(spec.runtimeDirectory))], []);
      assert.deepEqual(await images(a), ['disk0.qcow2']);
      assert.deepEqual((await readSnapshots(a)).layers, []);
    }
    assert.ok(killed >= 3, `only ${killed} of the orders were killed`);
    await order(driver)(ctx, { source: vmid, snapshot: null, linked: false, spec });
    assert.deepEqual((await readSnapshots(a)).layers, []);
    await driver.define(ctx, { spec });
    const { memory, disk } = await (await busyGuest(driver, ctx, vmid)).counted();
    assert.ok(memory > before && [0, 1].includes(memory - disk), `${before}, ${memory}, ${disk}`);
    await powerOff(driver, vmid);
    // The contract's chapter boots a clone; here it is enough that it is whole, and so is its source.
    for (const path of [image, join(a.directory, 'disk0.qcow2')]) await exec(['qemu-img', 'check', '-q', path]);
    await driver.undefine(ctx, { vmid: spec.vmid });
    await remove(qemu, driver, vmid);
  },
);

test('a paused VM, a suspended one and a stopped one are cloned as their disks are', { timeout: 60_000 }, async () => {
  await using qemu = await makeRealQemu();
  const driver = await qemu.makeDriver();
  const a = await twoDisks(qemu);
  const { vmid } = a;
  await driver.define(ctx, { spec: a });
  await scribble(a, 'a');
  const cloned = async (): Promise<string> => {
    const spec = await makeClone(qemu, driver, a, { snapshot: null, linked: false });
    const held = await scribbled(spec);
    await driver.undefine(ctx, { vmid: spec.vmid });
    return held;
  };
  const refused = async (): Promise<void> => {
    const spec = await cloneSpec(qemu, a);
    const attempt = order(driver)(ctx, { source: vmid, snapshot: null, linked: true, spec });
    await assert.rejects(attempt, { code: 'vm.wrong-state', message: /go on changing/ });
  };
  assert.equal(await cloned(), 'a');
  await driver.start(ctx, { vmid });
  await driver.pause?.pause(ctx, { vmid });
  assert.equal(await cloned(), 'a');
  assert.match(await stateOf(driver, vmid), /^paused/);
  assert.deepEqual(await images(a), ['disk0.qcow2', 'disk1.qcow2']);
  await refused();
  await driver.pause?.resume(ctx, { vmid });
  await driver.suspend?.suspend(ctx, { vmid });
  assert.equal(await cloned(), 'a');
  await refused();
  assert.equal((await driver.inspect(ctx, { vmid }))?.suspended, true);
  await driver.start(ctx, { vmid });
  await remove(qemu, driver, vmid);
});

test(
  "UEFI's variables and the TPM's state are the clone's own copies, of the snapshot as far as it keeps them",
  { timeout: 60_000 },
  async () => {
    await using qemu = await makeRealQemu();
    const driver = await qemu.makeDriver();
    const a: MachineSpec = { ...(await twoDisks(qemu)), firmware: 'uefi', tpm: true, memoryMiB: 128 };
    const { vmid } = a;
    const variables = (spec: MachineSpec): string => join(spec.directory, 'efivars.qcow2');
    /** What stands at a place that the firmware, which runs for a moment here, does not use. */
    const mark = async (image: string): Promise<string> => {
      const { stdout } = await exec(['qemu-io', '-r', '-U', '-c', 'read -v 512k 1', image]);
      return String.fromCharCode(Number.parseInt(/^[0-9a-f]{8}: +([0-9a-f]{2})/m.exec(stdout)?.[1] ?? '', 16));
    };
    await driver.define(ctx, { spec: a });
    await exec(['qemu-io', '-c', `write -P ${'v'.charCodeAt(0)} 512k 512`, variables(a)]);
    await take(driver, vmid, 's1');
    const [layer = ''] = (await readdir(a.directory)).filter((name) => name.startsWith('efivars.layer'));
    await exec(['qemu-io', '-c', `write -P ${'w'.charCodeAt(0)} 512k 512`, join(a.directory, layer)]);
    await driver.start(ctx, { vmid });
    const state = join(a.directory, 'tpm', 'tpm2-00.permall');
    // Whoever has taken QEMU over might put this there.
    await symlink('/etc/passwd', join(a.directory, 'tpm', 'tpm2-01.permall'));

    for (const [options, expected] of [
      [{ snapshot: 's1', linked: true }, 'v'],
      [{ snapshot: null, linked: false }, 'w'],
    ] as const) {
      const spec = await makeClone(qemu, driver, a, options);
      assert.equal(await mark(variables(spec)), expected);
      const { stdout } = await exec(['qemu-img', 'info', '-U', '--output=json', variables(spec)]);
      assert.equal(
        (JSON.parse(stdout) as Record<string, unknown>)['backing-filename'],
        undefined,
        'the variables lie on those of the source',
      );
      assert.deepEqual(await readdir(join(spec.directory, 'tpm')), ['tpm2-00.permall']);
      await driver.start(ctx, { vmid: spec.vmid });
      assert.equal(await stateOf(driver, spec.vmid), 'running');
      await powerOff(driver, spec.vmid);
      await driver.undefine(ctx, { vmid: spec.vmid });
    }
    assert.ok((await readFile(state)).length > 0);
    await unlink(join(a.directory, 'tpm', 'tpm2-01.permall'));

    // A clone with other keys begins its variables anew, one without a TPM gets none.
    const other = await makeClone(qemu, driver, a, { snapshot: 's1', linked: true }, { secureBoot: true, tpm: false });
    assert.notEqual(await mark(variables(other)), 'v');
    assert.deepEqual(await filesIn(join(other.directory, 'tpm')), []);
    await mkdir(other.runtimeDirectory, { recursive: true });
    await driver.undefine(ctx, { vmid: other.vmid });
    await remove(qemu, driver, vmid);
  },
);

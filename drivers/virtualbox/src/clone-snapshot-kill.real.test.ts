import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { fileExists, processRef, waitFor, waitForExit } from '@nakhoda/host';

import { hardwareSupport } from './hardware.ts';
import { differencePath } from './linked-images.ts';
import { parseMachineMedia } from './machine-media.ts';
import { orphansBelow } from './orphan-media.ts';
import { machineFilePath } from './register.ts';
import { makeRealHost, processesOf } from './testing/real-host.ts';

const ctx = testContext();
/** Milliseconds after the image is there; how much the service has done by then depends on the machine's load. */
const momentsMs = [0, 20, 60, 10, 40, 90, 5, 30];

test(
  "a VM's process is killed within a snapshot of a linked clone: what is left in its source's list goes",
  { timeout: 240_000 },
  async (t) => {
    const host = await makeRealHost();
    t.after(() => host.dispose());
    if (host.runtime === null) {
      if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
      t.skip('VirtualBox is not set up');
      return;
    }
    const told: string[] = [];
    const driver = host.makeDriver({ log: (line) => void told.push(line) });
    const make = (vmid: number): ReturnType<typeof machineSpec> =>
      machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: null });
    const [source, spec] = [await make(100), await make(101)];
    const { vmid } = spec;
    const { snapshots, clone } = driver;
    assert.ok(snapshots && clone);
    await driver.define(ctx, { spec: source });
    await clone(ctx, { source: source.vmid, snapshot: null, linked: true, spec });

    const folder = join(machineFilePath(spec), '..');
    /** The images in the clone's folder that the source's file lists, and nothing has. */
    const left = async (): Promise<string[]> => {
      const { media } = parseMachineMedia(await readFile(machineFilePath(source), 'utf8'));
      const known = media.map(({ location, ...medium }) => ({ ...medium, path: location, owner: source }));
      const { states } = parseMachineMedia(await readFile(machineFilePath(spec), 'utf8'));
      return orphansBelow(new Map(known.map((medium) => [medium.uuid, medium])), { vmid, folder }, states).map(({ uuid }) => uuid);
    };
    const find = async (program: string): Promise<number> =>
      (await processesOf(host.userHome)).find(({ commandLine }) => commandLine.includes(program))?.pid ?? assert.fail(`no ${program}`);
    const kill = async (pid: number): Promise<void> => {
      const ref = processRef(pid);
      process.kill(pid, 'SIGKILL');
      assert.ok(ref === null || (await waitForExit(ref, { timeoutMs: 5_000 })));
    };
    /** Kills the VM's process when the snapshot has got its image, and is about to write the memory. */
    const interrupt = async (take: () => Promise<unknown>, afterMs: number): Promise<string | null> => {
      const images = async (): Promise<string[]> => (await readdir(join(folder, 'Snapshots'))).filter((name) => name.endsWith('.vdi'));
      const before = (await images()).length;
      const pid = await find('/VirtualBoxVM');
      const order = take().then(
        () => 'done',
        () => 'failed',
      );
      assert.ok(await waitFor(async () => (await images()).length > before, { timeoutMs: 20_000, pollMs: 1 }));
      await delay(afterMs);
      // It stands still, so that the service goes on to where it waits for it. It lists the image when it is told of the end.
      process.kill(pid, 'SIGSTOP');
      await kill(pid);
      const outcome = await order;
      const uuid = await waitFor(async () => (await left())[0], { timeoutMs: 1_000, pollMs: 50 });
      t.diagnostic(`the order: ${outcome}, its image in the list: ${uuid}`);
      return outcome === 'failed' ? uuid : null;
    };
    /** Until a kill has come in time. */
    const interrupted = async (take: () => Promise<unknown>): Promise<string> => {
      for (const afterMs of momentsMs) {
        await driver.start(ctx, { vmid });
        const uuid = await interrupt(take, afterMs);
        if (uuid !== null) return uuid;
        t.diagnostic(`the kill after ${afterMs} ms came too late or too early`);
        for (const { name } of await snapshots.list(ctx, { vmid })) await snapshots.delete(ctx, { vmid, name });
      }
      return assert.fail(`none of ${momentsMs.length} kills came in time`);
    };
    const uuid = await interrupted(() => snapshots.take(ctx, { vmid, name: 'next', description: '', memory: true }));
    assert.deepEqual(await snapshots.list(ctx, { vmid }), []);
    // The service that was there takes the image for one in use, so it is waited for until it leaves; the next one reads the
    // list, and could not read the clone with it.
    await driver.start(ctx, { vmid });
    assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running');
    assert.deepEqual(await left(), []);
    assert.ok(await fileExists(differencePath(folder, uuid)), 'the file is kept');
    assert.ok(
      told.some((line) => line.includes(uuid) && line.includes('has forgotten it')),
      told.join('\n'),
    );
    await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 20 });

    // For good.
    await kill(await find('/VBoxSVC'));
    assert.doesNotMatch(await host.vboxManage(['list', 'vms']), /inaccessible/u);
    await snapshots.take(ctx, { vmid, name: 'after', description: '', memory: false });
    await snapshots.delete(ctx, { vmid, name: 'after' });
    await driver.undefine(ctx, { vmid });
    await driver.undefine(ctx, { vmid: source.vmid });
    await driver.close();
    assert.deepEqual(await host.leftovers(), []);
  },
);

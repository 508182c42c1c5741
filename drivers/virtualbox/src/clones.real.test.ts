import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { hardwareSupport } from './hardware.ts';
import { parseMachine } from './machine-file.ts';
import { parseMachineMedia } from './machine-media.ts';
import { machineFilePath } from './register.ts';
import { makeRealHost, processesOf } from './testing/real-host.ts';
import type { RealHost } from './testing/real-host.ts';
import { writeBlock } from './testing/write-block.ts';
import { readVdiHeader } from './vdi-header.ts';

// What the contract's chapter does not show of clones. Nothing boots in these VMs: their disks' blocks are written by hand
// while they stand still, and VirtualBox itself says what the clones hold.
const ctx = testContext();
const hardware = hardwareSupport('interpreter');
const MiB = 1024 * 1024;
let host: RealHost;
let driver: Driver;
let nextVmid = 100;

before(async () => {
  host = await makeRealHost();
});
after(async () => {
  const left = host.runtime === null ? [] : await host.leftovers();
  await host.dispose();
  assert.deepEqual(left, []);
});

async function newSpec(overrides: Partial<MachineSpec> = {}): Promise<MachineSpec> {
  const spec = await machineSpec({ folder: host.folder, vmid: nextVmid++, diskFormat: 'vdi', hardware, cdrom: null });
  const disks = spec.disks.map((disk) => ({ ...disk, sizeBytes: 8 * MiB, bus: 'sata' as const }));
  return { ...spec, disks, nics: [], ...overrides };
}

/** A driver with a machine defined, and what removes a machine of these tests; null when there is no VirtualBox here. */
async function withSource(t: TestContext): Promise<MachineSpec | null> {
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return null;
  }
  driver = host.makeDriver();
  const spec = await newSpec();
  t.after(async () => {
    // Clones before what they grow from.
    for (const { vmid } of (await driver.list(ctx)).toSorted((a, b) => b.vmid - a.vmid)) {
      await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
      await driver.undefine(ctx, { vmid });
    }
    await driver.close();
  });
  await driver.define(ctx, { spec });
  return spec;
}

async function clone(source: MachineSpec, options: { snapshot: string | null; linked: boolean }, overrides: Partial<MachineSpec> = {}) {
  assert.ok(driver.clone);
  const spec = await newSpec(overrides);
  await driver.clone(ctx, { source: source.vmid, spec, ...options });
  await driver.define(ctx, { spec });
  const status = await driver.inspect(ctx, { vmid: spec.vmid });
  assert.deepEqual([status?.state, status?.uuid, status?.changedOutside], ['stopped', spec.uuid, undefined]);
  return spec;
}

const takeSnapshot = async ({ vmid }: MachineSpec, name: string): Promise<void> => {
  await driver.snapshots?.take(ctx, { vmid, name, description: '', memory: false });
};

const remove = async (options: { vmid: number; name: string }): Promise<void> => driver.snapshots?.delete(ctx, options);

/** The machine's `.vbox` file; VirtualBox replaces it by a rename that leaves a gap of an instant. */
async function settings(spec: MachineSpec): Promise<string> {
  const read = (): Promise<string | null> => readFile(machineFilePath(spec), 'utf8').catch(() => null);
  return (await waitFor(read, { timeoutMs: 2000, pollMs: 5 })) ?? assert.fail('no settings');
}

/** The image in the machine's first drive, by its UUID. */
async function inDrive(spec: MachineSpec): Promise<string> {
  return parseMachine(await settings(spec))?.attachments.find(({ type }) => type === 'HardDisk')?.mediumUuid ?? assert.fail('no disk');
}

/** Where that image lies. */
async function topImage(spec: MachineSpec): Promise<string> {
  const path = join(dirname(machineFilePath(spec)), 'Snapshots', `{${await inDrive(spec)}}.vdi`);
  return (await readVdiHeader(path)) === null ? (spec.disks[0]?.path ?? '') : path;
}

/** What each block of an image is filled with, as VirtualBox reads it, chain and all. */
async function blocks(uuid: string): Promise<number[]> {
  const path = join(host.folder, `${uuid}.raw`);
  await host.vboxManage(['clonemedium', uuid, path, '--format', 'RAW']);
  await host.vboxManage(['closemedium', 'disk', path]);
  const bytes = await readFile(path);
  await rm(path);
  return Array.from({ length: bytes.length / MiB }, (_, block) => {
    const part = bytes.subarray(block * MiB, (block + 1) * MiB);
    assert.ok(
      part.every((byte) => byte === part[0]),
      `block ${block} is of two kinds`,
    );
    return part[0] ?? 0;
  });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

async function hashes(spec: MachineSpec): Promise<Record<string, string>> {
  const images = (await filesBelow(spec.directory)).filter((path) => path.endsWith('.vdi'));
  const all = images.map(
    async (path) =>
      [
        path,
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ] as const,
  );
  return Object.fromEntries(await Promise.all(all));
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof NakhodaError && error.code === code;

/** Ends VirtualBox's service, so that the next one knows only what is in files. */
async function endService(): Promise<void> {
  for (const { pid } of (await processesOf(host.userHome)).filter(({ commandLine }) => commandLine.includes('VBoxSVC')))
    process.kill(pid, 'SIGKILL');
  await waitFor(async () => (await processesOf(host.userHome)).length === 0, { timeoutMs: 10_000 });
}

/** A source with two snapshots whose disk differs in each, and now. */
async function withHistory(source: MachineSpec): Promise<void> {
  for (const block of [0, 1, 2, 3]) await writeBlock(await topImage(source), block, 0x11);
  await takeSnapshot(source, 'first');
  await writeBlock(await topImage(source), 1, 0x22);
  await writeBlock(await topImage(source), 5, 0x22);
  await writeBlock(await topImage(source), 3, null);
  await takeSnapshot(source, 'second');
  await writeBlock(await topImage(source), 2, 0x33);
}
const first = [0x11, 0x11, 0x11, 0x11, 0, 0, 0, 0];
const second = [0x11, 0x22, 0x11, 0, 0, 0x22, 0, 0];
const now = [0x11, 0x22, 0x33, 0, 0, 0x22, 0, 0];

test('full and linked clones of each snapshot, and of now, hold what VirtualBox says', { timeout: 120_000 }, async (t) => {
  const source = await withSource(t);
  if (!source) return;
  await withHistory(source);
  assert.deepEqual(await blocks(await inDrive(source)), now);
  const before = await hashes(source);
  const tree = await driver.snapshots?.list(ctx, { vmid: source.vmid });
  for (const [snapshot, expected] of [
    ['first', first],
    ['second', second],
    [null, now],
  ] as const) {
    for (const linked of [false, true]) {
      const made = await clone(source, { snapshot, linked });
      assert.deepEqual(await blocks(await inDrive(made)), expected, `${snapshot} ${linked}`);
      if (!linked) assert.equal((await readVdiHeader(made.disks[0]?.path ?? ''))?.parentUuid, null);
    }
  }
  const after = await hashes(source);
  assert.deepEqual(Object.fromEntries(Object.keys(before).map((path) => [path, after[path]])), before);
  assert.deepEqual(await driver.snapshots?.list(ctx, { vmid: source.vmid }), tree);

  await endService();
  await driver.close();
  driver = host.makeDriver();
  const all = await driver.list(ctx);
  assert.equal(all.length, 7);
  for (const { uuid, vmid, changedOutside } of all) {
    assert.equal(changedOutside, undefined, `${vmid}`);
    assert.doesNotMatch(await host.vboxManage(['showvminfo', uuid]), /inaccessible|access error/iu);
  }
});

test('a linked clone is a VM like others, on top of which there may be another', { timeout: 120_000 }, async (t) => {
  const source = await withSource(t);
  if (!source) return;
  await withHistory(source);
  const { vmid } = source;
  const linked = await clone(source, { snapshot: 'first', linked: true });
  const own = linked.disks[0]?.path ?? '';
  const before = { ...(await hashes(source)), [own]: (await hashes(linked))[own] };
  const unchanged = async (): Promise<void> => {
    const after: Record<string, string | undefined> = { ...(await hashes(source)), ...(await hashes(linked)) };
    assert.deepEqual(Object.fromEntries(Object.keys(before).map((path) => [path, after[path]])), before);
  };

  // Snapshots, one deleted into a smaller image and one into a larger: VirtualBox merges into the larger.
  await writeBlock(await topImage(linked), 6, 0x44);
  await writeBlock(await topImage(linked), 7, 0x44);
  await takeSnapshot(linked, 'large');
  await writeBlock(await topImage(linked), 7, 0x55);
  await takeSnapshot(linked, 'small');
  for (const block of [0, 1, 2]) await writeBlock(await topImage(linked), block, 0x66);
  const content = [0x66, 0x66, 0x66, 0x11, 0, 0, 0x44, 0x55];
  assert.deepEqual(await blocks(await inDrive(linked)), content);
  assert.deepEqual((await driver.inspect(ctx, { vmid: linked.vmid }))?.changedOutside, undefined);

  const upper = await clone(linked, { snapshot: 'large', linked: true });
  assert.deepEqual(await blocks(await inDrive(upper)), [0x11, 0x11, 0x11, 0x11, 0, 0, 0x44, 0x44]);
  await assert.rejects(remove({ vmid: linked.vmid, name: 'large' }), hasCode('snapshot.has-children'));
  await assert.rejects(remove({ vmid, name: 'first' }), hasCode('snapshot.has-children'));
  await assert.rejects(driver.undefine(ctx, { vmid: linked.vmid }), hasCode('vm.wrong-state'));
  await assert.rejects(driver.undefine(ctx, { vmid }), hasCode('vm.wrong-state'));
  await unchanged();
  const whole = await clone(upper, { snapshot: null, linked: false });
  await driver.undefine(ctx, { vmid: upper.vmid });
  assert.deepEqual(await filesBelow(upper.directory), []);
  assert.deepEqual(await blocks(await inDrive(whole)), [0x11, 0x11, 0x11, 0x11, 0, 0, 0x44, 0x44]);

  for (const name of ['small', 'large']) {
    await driver.snapshots?.delete(ctx, { vmid: linked.vmid, name });
    assert.deepEqual(await blocks(await inDrive(linked)), content);
    assert.equal((await driver.inspect(ctx, { vmid: linked.vmid }))?.changedOutside, undefined);
    await unchanged();
  }

  // It does not grow. Its disk moves to another controller, goes, and comes back, with what is on it.
  const [disk] = linked.disks;
  assert.ok(disk);
  await assert.rejects(driver.define(ctx, { spec: { ...linked, disks: [{ ...disk, sizeBytes: 10 * MiB }] } }), hasCode('vm.unsupported'));
  const moved = { ...linked, memoryMiB: 192, disks: [{ ...disk, bus: 'scsi' as const }] };
  await driver.define(ctx, { spec: moved });
  await driver.define(ctx, { spec: moved });
  assert.deepEqual(await blocks(await inDrive(linked)), content);
  await driver.define(ctx, { spec: { ...moved, disks: [] } });
  await driver.define(ctx, { spec: linked });
  assert.deepEqual(await blocks(await inDrive(linked)), content);
  assert.equal((await driver.inspect(ctx, { vmid: linked.vmid }))?.changedOutside, undefined);
  await unchanged();

  // A service that knows only what is in files; then they run side by side.
  await endService();
  await driver.close();
  driver = host.makeDriver();
  for (const machine of [vmid, linked.vmid]) await driver.start(ctx, { vmid: machine });
  await driver.snapshots?.take(ctx, { vmid: linked.vmid, name: 'live', description: '', memory: true });
  await driver.snapshots?.delete(ctx, { vmid: linked.vmid, name: 'live' });
  for (const machine of [vmid, linked.vmid]) await driver.stop(ctx, { vmid: machine, mode: 'poweroff', timeoutSeconds: 30 });
  assert.deepEqual(await blocks(await inDrive(linked)), content);
  await driver.undefine(ctx, { vmid: linked.vmid });
  assert.deepEqual(await filesBelow(linked.directory), []);
  assert.equal(parseMachineMedia(await settings(source)).media.length, 3);
  assert.deepEqual(await blocks(await inDrive(source)), now);
});

test('linked clones of a stopped VM share what they grow from, which goes with the last of them', { timeout: 60_000 }, async (t) => {
  const source = await withSource(t);
  if (!source) return;
  await writeBlock(await topImage(source), 4, 0x77);
  const names = async (): Promise<number> => parseMachine(await settings(source))?.snapshots.length ?? -1;
  const clones = [await clone(source, { snapshot: null, linked: true }), await clone(source, { snapshot: null, linked: true })];
  assert.equal(await names(), 1);
  const status = await driver.inspect(ctx, { vmid: source.vmid });
  assert.deepEqual([status?.currentSnapshot, status?.changedOutside], [undefined, undefined]);
  assert.deepEqual(await driver.snapshots?.list(ctx, { vmid: source.vmid }), []);
  for (const made of clones) {
    assert.deepEqual(await blocks(await inDrive(made)), [0, 0, 0, 0, 0x77, 0, 0, 0]);
    assert.equal(await names(), 1);
    await driver.undefine(ctx, { vmid: made.vmid });
  }
  assert.equal(await names(), 0);
  assert.deepEqual(await blocks(await inDrive(source)), [0, 0, 0, 0, 0x77, 0, 0, 0]);
  assert.equal((await filesBelow(source.directory)).filter((path) => path.endsWith('.vdi')).length, 1);
});

test('UEFI variables go along, as they were in the snapshot', { timeout: 60_000 }, async (t) => {
  const source = await withSource(t);
  if (!source) return;
  // Its guest is not started: the interpreter does not run this firmware.
  await driver.close();
  driver = host.makeDriver({
    hostFacts: () => ({
      ...{ version: host.runtime?.version ?? null, lacksRoot: false, missingProgram: null, bridging: false, vncPack: false },
      ...{ driverVersion: host.runtime?.version ?? null, driverDevice: true, virtualizationFlag: true },
    }),
  });
  const uefi = { firmware: 'uefi', secureBoot: true, tpm: true } as const;
  await driver.define(ctx, { spec: { ...source, ...uefi } });
  await takeSnapshot(source, 'own');
  const variable = ['--name', 'PKDefault'];
  const value = join(host.folder, 'value');
  const change = async (text: string): Promise<void> => {
    await writeFile(value, text);
    await host.vboxManage(['modifynvram', source.uuid, 'changevar', ...variable, '--filename', value]);
  };
  await change('before');
  await takeSnapshot(source, 'changed');
  await change('after');
  await rm(value);
  for (const [snapshot, linked, expected] of [
    ['own', true, null],
    ['changed', false, 'before'],
    ['changed', true, 'before'],
    [null, false, 'after'],
  ] as const) {
    const made = await clone(source, { snapshot, linked }, uefi);
    const dump = await host.vboxManage(['modifynvram', made.uuid, 'queryvar', ...variable]);
    assert.equal(/0000: .* (before|after)$/mu.exec(dump)?.[1] ?? null, expected, dump);
    assert.match(await host.vboxManage(['modifynvram', made.uuid, 'listvars']), /^PK /mu);
  }
});

test('a daemon that is killed while it clones leaves nothing that the next one does not clear up', { timeout: 120_000 }, async (t) => {
  const source = await withSource(t);
  if (!source) return;
  await withHistory(source);
  const { vmid } = source;
  const tree = await driver.snapshots?.list(ctx, { vmid });
  await driver.start(ctx, { vmid });
  const spec = await newSpec();
  const journal = join(host.userHome, 'clones', `${spec.vmid}.json`);
  const hidden = async (): Promise<boolean> => (await settings(source)).includes('.nakhoda-');
  const moments: [string, { snapshot: string | null; linked: boolean }, () => Promise<boolean>][] = [
    ['before the snapshot for copying', { snapshot: null, linked: false }, () => exists(journal)],
    ['after it', { snapshot: null, linked: false }, hidden],
    ['while a linked clone is registered', { snapshot: 'first', linked: true }, () => exists(machineFilePath(spec))],
  ];
  for (const [moment, options, reached] of moments) {
    await writeFile(join(host.folder, 'clone.json'), JSON.stringify({ source: vmid, spec, ...options }));
    const daemon = spawn(process.execPath, [fileURLToPath(new URL('testing/clone-machine.ts', import.meta.url)), host.folder], {
      stdio: 'ignore',
    });
    const ended = once(daemon, 'exit');
    assert.ok(await waitFor(reached, { timeoutMs: 20_000, pollMs: 1 }), moment);
    daemon.kill('SIGKILL');
    await ended;
    await driver.close();
    driver = host.makeDriver();
    // What it does first is waiting for what was left to be cleared up.
    await driver.undefine(ctx, { vmid: spec.vmid });
    assert.deepEqual(await driver.snapshots?.list(ctx, { vmid }), tree, moment);
    assert.equal(await hidden(), false, moment);
    assert.deepEqual([...(await filesBelow(spec.directory)), ...(await filesBelow(dirname(journal)))], [], moment);
    assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running', moment);
    const { media } = parseMachineMedia(await settings(source));
    assert.deepEqual(
      media.filter(({ location }) => location.includes(`/${spec.vmid}/`)),
      [],
      moment,
    );
  }
  await rm(join(host.folder, 'clone.json'));
  // And the same clone can be made then, of the VM that runs.
  await driver.clone?.(ctx, { source: vmid, spec, snapshot: null, linked: false });
  await driver.define(ctx, { spec });
  assert.deepEqual(await blocks(await inDrive(spec)), now);
  assert.equal(await hidden(), false);
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running');
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';

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

/** The image in the machine's first drive, by its UUID. */
async function inDrive(spec: MachineSpec): Promise<string> {
  return parseMachine(await readFile(machineFilePath(spec), 'utf8'))?.attachments.find(({ type }) => type === 'HardDisk')?.mediumUuid ?? assert.fail('no disk');
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
    assert.ok(part.every((byte) => byte === part[0]), `block ${block} is of two kinds`);
    return part[0] ?? 0;
  });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

async function hashes(spec: MachineSpec): Promise<Record<string, string>> {
  const images = (await filesBelow(spec.directory)).filter((path) => path.endsWith('.vdi'));
  const all = images.map(async (path) => [path, createHash('sha256').update(await readFile(path)).digest('hex')] as const);
  return Object.fromEntries(await Promise.all(all));
}

/** Ends VirtualBox's service, so that the next one knows only what is in files. */
async function endService(): Promise<void> {
  for (const { pid } of (await processesOf(host.userHome)).filter(({ commandLine }) => commandLine.includes('VBoxSVC'))) process.kill(pid, 'SIGKILL');
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
  for (const [snapshot, expected] of [['first', first], ['second', second], [null, now]] as const) {
    for (const linked of [false, true]) {
      const made = await clone(source, { snapshot, linked });
      assert.deepEqual(await blocks(await inDrive(made)), expected, `${snapshot} ${linked}`);
      if (!linked) assert.equal((await readVdiHeader(made.disks[0]?.path ?? ''))?.parentUuid, null);
    }
  }
  assert.deepEqual(await hashes(source), before);
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

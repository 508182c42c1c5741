import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

import type { Driver, MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { hardwareSupport } from '../hardware.ts';
import { parseMachine } from '../machine-file.ts';
import { machineFilePath } from '../register.ts';
import { readVdiHeader } from '../vdi-header.ts';
import { makeRealHost, processesOf } from './real-host.ts';
import type { RealHost } from './real-host.ts';
import { writeBlock } from './write-block.ts';

const ctx = testContext();
const MiB = 1024 * 1024;

/** What each MiB of a disk is filled with in both snapshots of `CloneBench.withHistory`, and now. */
export const history = {
  first: [0x11, 0x11, 0x11, 0x11, 0, 0, 0, 0],
  second: [0x11, 0x22, 0x11, 0, 0, 0x22, 0, 0],
  now: [0x11, 0x22, 0x33, 0, 0, 0x22, 0, 0],
};

/** Machines with disks of 8 MiB on the real VirtualBox, and looks at what is in their images. */
export class CloneBench {
  host!: RealHost;
  driver!: Driver;
  #nextVmid = 100;

  async begin(): Promise<void> {
    this.host = await makeRealHost();
  }

  /** Fails when anything is left on the host. */
  async end(): Promise<void> {
    const left = this.host.runtime === null ? [] : await this.host.leftovers();
    await this.host.dispose();
    assert.deepEqual(left, []);
  }

  async newSpec(overrides: Partial<MachineSpec> = {}): Promise<MachineSpec> {
    const hardware = hardwareSupport('interpreter');
    const spec = await machineSpec({ folder: this.host.folder, vmid: this.#nextVmid++, diskFormat: 'vdi', hardware, cdrom: null });
    const disks = spec.disks.map((disk) => ({ ...disk, sizeBytes: 8 * MiB, bus: 'sata' as const }));
    return { ...spec, disks, nics: [], ...overrides };
  }

  /** Makes a driver and a machine; all machines go at the end of the test. Null when there is no VirtualBox here. */
  async withSource(t: TestContext): Promise<MachineSpec | null> {
    if (this.host.runtime === null) {
      if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
      t.skip('VirtualBox is not set up');
      return null;
    }
    this.driver = this.host.makeDriver();
    const spec = await this.newSpec();
    t.after(async () => {
      // Clones before what they grow from.
      for (const { vmid } of (await this.driver.list(ctx)).toSorted((a, b) => b.vmid - a.vmid)) {
        await this.driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
        await this.driver.undefine(ctx, { vmid });
      }
      await this.driver.close();
    });
    await this.driver.define(ctx, { spec });
    return spec;
  }

  async clone(
    source: MachineSpec,
    options: { snapshot: string | null; linked: boolean },
    overrides: Partial<MachineSpec> = {},
  ): Promise<MachineSpec> {
    assert.ok(this.driver.clone);
    const spec = await this.newSpec(overrides);
    await this.driver.clone(ctx, { source: source.vmid, spec, ...options });
    await this.driver.define(ctx, { spec });
    const status = await this.driver.inspect(ctx, { vmid: spec.vmid });
    assert.deepEqual([status?.state, status?.uuid, status?.changedOutside], ['stopped', spec.uuid, undefined]);
    return spec;
  }

  async takeSnapshot({ vmid }: MachineSpec, name: string): Promise<void> {
    await this.driver.snapshots?.take(ctx, { vmid, name, description: '', memory: false });
  }

  async remove(options: { vmid: number; name: string }): Promise<void> {
    await this.driver.snapshots?.delete(ctx, options);
  }

  /** The machine's `.vbox` file; VirtualBox replaces it by a rename that leaves a gap of an instant. */
  async settings(spec: MachineSpec): Promise<string> {
    const read = (): Promise<string | null> => readFile(machineFilePath(spec), 'utf8').catch(() => null);
    return (await waitFor(read, { timeoutMs: 2000, pollMs: 5 })) ?? assert.fail('no settings');
  }

  /** The image in the machine's first drive with a disk, by its UUID. */
  async inDrive(spec: MachineSpec): Promise<string> {
    const attachments = parseMachine(await this.settings(spec))?.attachments ?? [];
    return attachments.find(({ type }) => type === 'HardDisk')?.mediumUuid ?? assert.fail('no disk');
  }

  /** Where that image lies. */
  async topImage(spec: MachineSpec): Promise<string> {
    const path = join(dirname(machineFilePath(spec)), 'Snapshots', `{${await this.inDrive(spec)}}.vdi`);
    return (await readVdiHeader(path)) === null ? (spec.disks[0]?.path ?? '') : path;
  }

  /** What each MiB of an image, by its UUID or path, is filled with, as VirtualBox reads it, with all that it grows from. */
  async blocks(uuid: string): Promise<number[]> {
    // Where its account may write.
    const path = join(this.host.userHome, `${basename(uuid)}.raw`);
    await this.host.vboxManage(['clonemedium', uuid, path, '--format', 'RAW']);
    await this.host.vboxManage(['closemedium', 'disk', path]);
    const bytes = await readFile(path);
    await rm(path);
    return Array.from({ length: bytes.length / MiB }, (_, block) => {
      const [value = 0, ...rest] = new Set(bytes.subarray(block * MiB, (block + 1) * MiB));
      assert.deepEqual(rest, [], `block ${block} is of two kinds`);
      return value;
    });
  }

  /** Hashes of the machine's images, by path. */
  async hashes(spec: MachineSpec): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const path of (await filesBelow(spec.directory)).filter((file) => file.endsWith('.vdi'))) {
      const hash = createHash('sha256').update(await readFile(path));
      found[path] = hash.digest('hex');
    }
    return found;
  }

  /** Ends VirtualBox's service, so that the next one knows only what is in files. */
  async endService(): Promise<void> {
    const services = (await processesOf(this.host.userHome)).filter(({ commandLine }) => commandLine.includes('VBoxSVC'));
    for (const { pid } of services) process.kill(pid, 'SIGKILL');
    await waitFor(async () => (await processesOf(this.host.userHome)).length === 0, { timeoutMs: 10_000 });
  }

  /** Gives a machine two snapshots between which its disk changes, see {@link history}. */
  async withHistory(source: MachineSpec): Promise<void> {
    for (const block of [0, 1, 2, 3]) await writeBlock(await this.topImage(source), block, 0x11);
    await this.takeSnapshot(source, 'first');
    await writeBlock(await this.topImage(source), 1, 0x22);
    await writeBlock(await this.topImage(source), 5, 0x22);
    await writeBlock(await this.topImage(source), 3, null);
    await this.takeSnapshot(source, 'second');
    await writeBlock(await this.topImage(source), 2, 0x33);
  }
}

/** Paths of all files below a folder; none when it does not exist. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

/** For `assert.rejects`: a NakhodaError of this code. */
export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof NakhodaError && error.code === code;
}

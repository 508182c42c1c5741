import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import type { CloneOptions, Driver, MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';

import type { RealQemu } from './real-qemu.ts';

const ctx = testContext();

/** A description of a clone: another identity and folder, the source's disks and hardware. */
export async function cloneSpec(qemu: RealQemu, source: MachineSpec, changes: Partial<MachineSpec> = {}): Promise<MachineSpec> {
  const { vmid, name, uuid, directory, runtimeDirectory, nics } = await qemu.spec();
  const disks = source.disks.map((disk) => ({ ...disk, path: join(directory, basename(disk.path)) }));
  return { ...source, vmid, name, uuid, directory, runtimeDirectory, disks, nics, ...changes };
}

export const order = (driver: Driver) => driver.clone ?? assert.fail('no clones');

/** Clones and defines; gives the clone's description. */
export async function makeClone(
  qemu: RealQemu,
  driver: Driver,
  source: MachineSpec,
  options: Pick<CloneOptions, 'snapshot' | 'linked'>,
  changes: Partial<MachineSpec> = {},
): Promise<MachineSpec> {
  const spec = await cloneSpec(qemu, source, changes);
  await order(driver)(ctx, { source: source.vmid, ...options, spec });
  await driver.define(ctx, { spec });
  return spec;
}

/** Mode and owner of a file, as `444 0:0`. */
export async function modeOf(path: string): Promise<string> {
  const found = await stat(path);
  return `${(found.mode & 0o7777).toString(8)} ${found.uid}:${found.gid}`;
}

/** Everything in a folder that may be gone. */
export async function filesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

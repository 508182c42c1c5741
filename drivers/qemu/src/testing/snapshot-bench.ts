import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { defaultDisk, type Driver, fixedHardware, type MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { exec } from '@nakhoda/host';

import type { ChainImage } from '../block-nodes.ts';
import { type DiskPlaces, imageChain } from '../layers.ts';
import { placesOf, readMachineRecord } from '../machine-record.ts';
import { readSnapshots } from '../snapshot-store.ts';
import type { RealQemu } from './real-qemu.ts';

const ctx = testContext();

/** A VM with two small disks; its guest is the BIOS. */
export async function twoDisks(qemu: RealQemu): Promise<MachineSpec> {
  const template = await qemu.spec();
  const disks = ['disk0', 'disk1'].map((slot) => ({
    slot,
    path: join(template.directory, `${slot}.qcow2`),
    format: 'qcow2' as const,
    sizeBytes: 1024 * 1024,
    ...defaultDisk(fixedHardware),
  }));
  return { ...template, cdrom: null, memoryMiB: 32, disks };
}

export const facet = (driver: Driver) => driver.snapshots ?? assert.fail('no snapshots');
export const take = (driver: Driver, vmid: number, name: string, memory = false): Promise<void> =>
  facet(driver).take(ctx, { vmid, name, description: '', memory });
export const names = async (driver: Driver, vmid: number): Promise<string[]> =>
  (await facet(driver).list(ctx, { vmid })).map(({ name }) => name);
export const stateOf = async (driver: Driver, vmid: number): Promise<string> => {
  const status = await driver.inspect(ctx, { vmid });
  return `${status?.state}${status?.reason === undefined ? '' : `: ${status.reason}`}`;
};
export const powerOff = (driver: Driver, vmid: number): Promise<void> => driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });

export async function remove(qemu: RealQemu, driver: Driver, vmid: number): Promise<void> {
  await powerOff(driver, vmid);
  await driver.undefine(ctx, { vmid });
  await driver.close();
  assert.deepEqual(await qemu.leftovers(), []);
}

/** A running VM with two disks that hold `a`, and a snapshot with memory of that. */
export async function keptRunning(qemu: RealQemu, name: string): Promise<{ driver: Driver; spec: MachineSpec; vmid: number }> {
  const driver = await qemu.makeDriver();
  const spec = await twoDisks(qemu);
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await scribble(spec, 'a');
  await driver.start(ctx, { vmid });
  await take(driver, vmid, name, true);
  return { driver, spec, vmid };
}

/** Files of disks and memory in the VM's folder. */
export async function images({ directory }: MachineSpec): Promise<string[]> {
  return (await readdir(directory)).filter((name) => /^(disk|memory)/.test(name)).toSorted();
}

/** A chain as one node for qemu-io; the record says what it consists of. */
function node([top, ...below]: ChainImage[]): object | null {
  return top ? { driver: top.format, file: { driver: 'file', filename: top.path }, backing: node(below) } : null;
}

async function placesBy(spec: MachineSpec): Promise<DiskPlaces> {
  return placesOf((await readMachineRecord(spec.directory)) ?? { spec });
}

/** Writes the letter over the first 64 KiB of each disk of a stopped VM. */
export async function scribble(spec: MachineSpec, letter: string): Promise<void> {
  const store = await readSnapshots(spec);
  const places = await placesBy(spec);
  for (const { slot } of spec.disks) {
    const image = `json:${JSON.stringify(node(imageChain(store, places, slot, store.active)))}`;
    await exec(['qemu-io', '-c', `write -P ${letter.charCodeAt(0)} 0 64k`, image]);
  }
}

/** What was written last over each disk of a stopped VM, in a layer. Fails where it is a mixture. */
export async function scribbled(spec: MachineSpec, layer?: number): Promise<string> {
  const store = await readSnapshots(spec);
  const places = await placesBy(spec);
  const found = await Promise.all(
    spec.disks.map(async ({ slot }) => {
      const image = `json:${JSON.stringify(node(imageChain(store, places, slot, layer ?? store.active)))}`;
      const { stdout } = await exec(['qemu-io', '-r', '-U', '-c', 'read -v 0 64k', image]);
      const bytes = new Set([...stdout.matchAll(/^[0-9a-f]{8}: +((?:[0-9a-f]{2} )+)/gm)].flatMap(([, row]) => row?.trim().split(/\s+/)));
      return [...bytes].map((byte) => String.fromCharCode(Number.parseInt(byte ?? '', 16))).join('');
    }),
  );
  assert.equal(new Set(found).size, 1, `the disks differ: ${found.join(', ')}`);
  return found[0] ?? '';
}

import assert from 'node:assert/strict';
import { appendFile, copyFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { waitFor } from '@nakhoda/host';

import type { HotplugFacet, MachineDisk, MachineNic, MachineSpec } from '../driver.ts';
import { defaultDisk, defaultNic } from '../hardware-defaults.ts';
import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';

const mebibyte = 1024 * 1024;

/**
 * Changes of the running machine, each with the guest as the witness, by the degrees that the driver declares. Each
 * promise takes back what it changed, so the machine is left running as it was.
 */
export async function hotplug(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx } = bench;
  const { hotplug: facet } = driver;
  if (!facet || !driver.guest) return;
  const { call } = bench.limits;
  const degrees = new Set(driver.capabilities().hotplug);

  await bench.promise(t, 'a change to what is so already does nothing, and a bad spec is refused', call * 3, async () => {
    await bench.running();
    assert.deepEqual(await change(bench, facet, {}), []);
    await rejectsWith('vm.spec-invalid', facet.change(ctx, { spec: { ...bench.spec, cores: 0 } }), 'change');
    const unknown = { ...bench.spec, vmid: 999_999_001, disks: [], nics: [] };
    await rejectsWith('vm.not-found', facet.change(ctx, { spec: unknown }), 'change of an unknown VM');
  });

  await bench.promise(t, 'what cannot be done is told as pending with its reason, and not recorded as done', call * 2, async () => {
    const other = bench.spec.name === 'other' ? 'another' : 'other';
    const wanted: Partial<MachineSpec> = degrees.has('memoryMiB') ? { name: other } : { memoryMiB: bench.spec.memoryMiB + 128 };
    const pending = await change(bench, facet, wanted);
    assert.deepEqual(
      pending.map(({ field }) => field),
      Object.keys(wanted),
    );
    for (const { reason } of pending) assert.match(reason, /\.$/u, 'the reason is no sentence');
    await driver.define(ctx, { spec: bench.spec });
  });

  if (degrees.has('disks')) await disks(t, bench, facet, degrees.has('diskSize'));
  if (degrees.has('nics')) await nics(t, bench, facet);
  if (degrees.has('linkUp') && bench.harness.cable) await links(t, bench, facet);
  if (degrees.has('cores')) await cores(t, bench, facet);
  if (degrees.has('memoryMiB') && bench.harness.takesMemory !== false) await memory(t, bench, facet);
  if (degrees.has('cdrom')) await media(t, bench, facet);
}

async function disks(t: TestContext, bench: Bench, facet: HotplugFacet, grows: boolean): Promise<void> {
  const { call, exec } = bench.limits;
  const seconds = call * 4 + exec * 6;
  await bench.promise(t, `a disk comes${grows ? ', grows,' : ''} and goes while the guest runs; its image stays`, seconds, async () => {
    const capabilities = bench.driver.capabilities();
    const before = await names(bench, '/sys/block');
    const format = capabilities.diskFormat;
    const path = join(bench.spec.directory, `disk7.${format}`);
    const kind = { ...defaultDisk(capabilities.hardware), ...bench.harness.hotplugDisk };
    const disk: MachineDisk = { slot: 'disk7', path, format, sizeBytes: 32 * mebibyte, ...kind };
    const withDisk = (sizeBytes: number): Partial<MachineSpec> => ({ disks: [...bench.spec.disks, { ...disk, sizeBytes }] });
    assert.deepEqual(await change(bench, facet, withDisk(disk.sizeBytes)), []);
    assert.deepEqual(await change(bench, facet, withDisk(disk.sizeBytes)), [], 'the second time');
    const [name] = await newNames(bench, '/sys/block', before);
    const sectors = (): Promise<string> => bench.output(['cat', `/sys/block/${name}/size`]);
    assert.equal(await sectors(), String(disk.sizeBytes / 512));
    // What is recorded is what runs: a definition that says the same is none of a running VM's changes.
    await bench.driver.define(bench.ctx, { spec: { ...bench.spec, ...withDisk(disk.sizeBytes) } });

    const size = disk.sizeBytes + (grows ? 16 * mebibyte : 0);
    if (grows) {
      assert.deepEqual(await change(bench, facet, withDisk(size)), []);
      await eventually(exec, async () => (await sectors()) === String(size / 512), 'the guest does not see the growth');
    }
    assert.deepEqual(await change(bench, facet, {}), []);
    await eventually(exec, async () => same(await names(bench, '/sys/block'), before), 'the guest still has the disk');
    assert.ok((await stat(path)).isFile(), 'the image is gone');
    await bench.driver.define(bench.ctx, { spec: bench.spec });
  });
}

async function nics(t: TestContext, bench: Bench, facet: HotplugFacet): Promise<void> {
  const { call, exec } = bench.limits;
  await bench.promise(t, 'a NIC comes and goes while the guest runs', call * 3 + exec * 4, async () => {
    const before = await names(bench, '/sys/class/net');
    const mac = '52:54:00:0f:0e:07';
    const nic: MachineNic = {
      slot: 'net7',
      mac,
      attachment: { kind: 'none' },
      ...defaultNic(bench.driver.capabilities().hardware),
    };
    const wanted = { nics: [...bench.spec.nics, nic] };
    assert.deepEqual(await change(bench, facet, wanted), []);
    assert.deepEqual(await change(bench, facet, wanted), [], 'the second time');
    const [name] = await newNames(bench, '/sys/class/net', before);
    assert.equal(await bench.output(['cat', `/sys/class/net/${name}/address`]), mac);
    assert.deepEqual(await change(bench, facet, {}), []);
    await eventually(exec, async () => same(await names(bench, '/sys/class/net'), before), 'the guest still has the NIC');
  });
}

async function links(t: TestContext, bench: Bench, facet: HotplugFacet): Promise<void> {
  const { call, exec } = bench.limits;
  await bench.promise(t, 'a NIC loses its link and gets it back', call * 3 + exec * 4, async () => {
    const [nic] = bench.spec.nics;
    const { cable } = bench.harness;
    assert.ok(nic && cable, 'the harness gives a VM with a NIC and a cable');
    assert.deepEqual(nic.attachment, cable, 'the first NIC has no cable');
    const carrier = async (expected: string): Promise<void> =>
      eventually(exec, async () => (await bench.output(['cat', '/sys/class/net/eth0/carrier'])) === expected, `no carrier ${expected}`);
    await carrier('1');
    const down = { nics: bench.spec.nics.map((one) => (one.slot === nic.slot ? { ...one, linkUp: false } : one)) };
    assert.deepEqual(await change(bench, facet, down), []);
    await carrier('0');
    assert.deepEqual(await change(bench, facet, {}), []);
    await carrier('1');
  });
}

async function cores(t: TestContext, bench: Bench, facet: HotplugFacet): Promise<void> {
  const { call, exec } = bench.limits;
  await bench.promise(t, 'a processor comes and goes while the guest runs', call * 3 + exec * 4, async () => {
    const counts = async (expected: number): Promise<void> =>
      eventually(exec, async () => (await bench.output(['nproc'])) === String(expected), `the guest has not ${expected} processors`);
    const wanted = bench.spec.cores + 1;
    assert.deepEqual(await change(bench, facet, { cores: wanted }), []);
    await counts(wanted * bench.spec.sockets);
    assert.deepEqual(await change(bench, facet, {}), []);
    await counts(bench.spec.cores * bench.spec.sockets);
  });
}

async function memory(t: TestContext, bench: Bench, facet: HotplugFacet): Promise<void> {
  const { call, exec } = bench.limits;
  await bench.promise(t, 'memory comes and goes while the guest runs', call * 3 + exec * 4, async () => {
    const total = async (): Promise<number> =>
      Number(/MemTotal:\s+(\d+) kB/u.exec(await bench.output(['cat', '/proc/meminfo']))?.[1]) / 1024;
    const before = await total();
    assert.deepEqual(await change(bench, facet, { memoryMiB: bench.spec.memoryMiB + 128 }), []);
    await eventually(exec, async () => (await total()) > before + 100, 'the guest has no more memory');
    assert.deepEqual(await change(bench, facet, {}), []);
    await eventually(exec, async () => (await total()) < before + 16, 'the guest has kept the memory');
  });
}

/** Last of all: the tiny guest has its CD mounted, and the other CD begins with the same bytes so that it goes on. */
async function media(t: TestContext, bench: Bench, facet: HotplugFacet): Promise<void> {
  const { call, exec } = bench.limits;
  await bench.promise(t, 'the CD is changed while the guest has it mounted', call * 3 + exec * 6, async () => {
    const { cdrom } = bench.spec;
    assert.ok(cdrom, 'the harness gives a VM with a CD');
    const other = join(bench.spec.directory, 'other.iso');
    await copyFile(cdrom, other);
    await appendFile(other, Buffer.alloc(mebibyte));
    // Reading makes the kernel look at the medium.
    const sectors = async (): Promise<number> =>
      Number(await bench.shell('dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>/dev/null; cat /sys/block/sr0/size'));
    const shows = async (path: string): Promise<void> => {
      const bytes = (await stat(path)).size;
      await eventually(exec, async () => (await sectors()) === Math.floor(bytes / 2048) * 4, `the guest does not see ${path}`);
    };
    await shows(cdrom);
    assert.deepEqual(await change(bench, facet, { cdrom: other }), []);
    await shows(other);
    assert.deepEqual(await change(bench, facet, {}), []);
    await shows(cdrom);
    await rm(other);
  });
}

async function change(bench: Bench, facet: HotplugFacet, wanted: Partial<MachineSpec>): Promise<{ field: string; reason: string }[]> {
  const { pending } = await facet.change(bench.ctx, { spec: { ...bench.spec, ...wanted } });
  await bench.expectState('running', 'after the change');
  return pending;
}

async function names(bench: Bench, folder: string): Promise<string[]> {
  return (await bench.output(['ls', folder])).split('\n').filter((name) => name !== '');
}

/** Waits until exactly one name more is in the guest's folder, and gives it. */
async function newNames(bench: Bench, folder: string, before: readonly string[]): Promise<string[]> {
  let added: string[] = [];
  const came = async (): Promise<boolean> => {
    added = (await names(bench, folder)).filter((name) => !before.includes(name));
    return added.length > 0;
  };
  await eventually(bench.limits.exec, came, `nothing came into the guest's ${folder}`);
  assert.equal(added.length, 1, `more than one came: ${added.join(', ')}`);
  return added;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

async function eventually(seconds: number, holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  assert.ok(await waitFor(holds, { timeoutMs: seconds * 1000, pollMs: 100 }), `${otherwise} within ${seconds} s`);
}

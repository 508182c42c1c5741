import assert from 'node:assert/strict';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { Capabilities } from '@nakhoda/schema';

import type { MachineSpec } from '../driver.ts';
import { defaultNic } from '../hardware-defaults.ts';
import { filesUnder, rejection, rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { diskChanges } from './disk-changes.ts';

/** Making a VM known, and refusing what cannot be one. Leaves the machine defined and stopped. */
export async function definition(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { call } = bench.limits;

  await bench.promise(t, 'define makes the VM known, stopped, with its disks', call, async () => {
    assert.deepEqual(driver.validate(bench.spec), [], 'a good spec has no problems');
    await driver.define(ctx, { spec: bench.spec });
    const status = await bench.expectState('stopped', 'after define');
    assert.equal(status.uuid, bench.spec.uuid);
    assert.equal(status.pid, undefined, 'a stopped VM has no process');
    assert.equal(status.currentSnapshot, undefined, 'a new VM has no snapshot');
    for (const disk of bench.spec.disks) assert.ok((await stat(disk.path)).isFile(), `${disk.slot} was not made`);
  });

  await bench.promise(t, 'defining what is defined succeeds and keeps the disks', call, async () => {
    const before = await Promise.all(bench.spec.disks.map(async ({ path }) => (await stat(path)).ino));
    await driver.define(ctx, { spec: bench.spec });
    await bench.expectState('stopped', 'after the second define');
    const after = await Promise.all(bench.spec.disks.map(async ({ path }) => (await stat(path)).ino));
    assert.deepEqual(after, before, 'a disk was made anew');
  });

  await bench.promise(t, "a stopped VM's definition follows the spec; the guest shows it later", call, async () => {
    bench.spec = { ...bench.spec, memoryMiB: bench.spec.memoryMiB + 32, cores: bench.harness.cores ?? 2 };
    await driver.define(ctx, { spec: bench.spec });
    await bench.expectState('stopped', 'after the redefinition');
  });

  await diskChanges(t, bench);

  await bench.promise(
    t,
    'two VMs are told apart, one can go without the other; define makes folders that are missing',
    call * 3,
    async () => {
      const other = await bench.harness.spec();
      for (const folder of [other.directory, other.runtimeDirectory]) await rm(folder, { recursive: true });
      await driver.define(ctx, { spec: other });
      const vmids = (await driver.list(ctx)).map((entry) => entry.vmid);
      assert.deepEqual(new Set(vmids), new Set([vmid, other.vmid]));
      assert.equal(vmids.length, 2);
      await driver.undefine(ctx, { vmid: other.vmid });
      assert.deepEqual(
        (await driver.list(ctx)).map((entry) => entry.vmid),
        [vmid],
      );
      assert.deepEqual(await filesUnder(other.directory), []);
      assert.deepEqual(await filesUnder(other.runtimeDirectory), []);
    },
  );

  await bench.promise(t, 'what asks the guest of a stopped VM is guest.not-running, or empty', call, () => stoppedGuest(bench));

  const { hotplug } = driver;
  if (hotplug) {
    await bench.promise(t, 'nothing is plugged into a stopped VM', call, async () => {
      await rejectsWith('vm.wrong-state', hotplug.change(ctx, { spec: bench.spec }), 'change');
    });
  }

  const good = await bench.harness.spec();
  for (const [what, bad] of badSpecs(good, driver.capabilities())) {
    await bench.promise(t, `a bad spec is refused with nothing left: ${what}`, call, async () => {
      const spec = { ...good, ...bad };
      const problems = driver.validate(spec);
      assert.notEqual(problems.length, 0, 'validate finds no problem');
      for (const { field, message, hint } of problems) assert.ok(field && message && hint, 'a problem has no field, message or hint');
      await rejectsWith('vm.spec-invalid', driver.define(ctx, { spec }), 'define');
      assert.equal((await driver.list(ctx)).length, 1, 'the refused VM is in the list');
      assert.deepEqual([...(await filesUnder(good.directory)), ...(await filesUnder(good.runtimeDirectory))], []);
    });
  }

  await bench.promise(t, 'a define that fails in the middle undoes what it made', call, async () => {
    const spec = await bench.harness.spec();
    const [first] = spec.disks;
    assert.ok(first, 'the harness gives a VM with a disk');
    // A file where a folder should be: the second disk cannot be made.
    const obstacle = join(spec.directory, 'obstacle');
    await writeFile(obstacle, '');
    const second = { ...first, slot: 'disk1', path: join(obstacle, `disk1.${first.format}`) };
    await rejection(driver.define(ctx, { spec: { ...spec, disks: [first, second] } }), 'define');
    assert.equal(await driver.inspect(ctx, { vmid: spec.vmid }), null, 'the VM is known all the same');
    assert.deepEqual(await filesUnder(spec.directory), [obstacle]);
    assert.deepEqual(await filesUnder(spec.runtimeDirectory), []);
    await rm(obstacle);
  });
}

async function stoppedGuest({ driver, ctx, vmid }: Bench): Promise<void> {
  if (driver.serial) await rejectsWith('guest.not-running', driver.serial.open(ctx, { vmid }), 'serial.open');
  if (!driver.guest) return;
  const { guest } = driver;
  assert.equal(await guest.ready(ctx, { vmid, timeoutSeconds: 1 }), null, 'ready');
  assert.deepEqual(await guest.addresses(ctx, { vmid }), [], 'addresses');
  const exec = guest.exec(ctx, { vmid, argv: ['true'], timeoutSeconds: 5, onStdout: () => {}, onStderr: () => {} });
  await rejectsWith('guest.not-running', exec, 'exec');
  await rejectsWith('guest.not-running', guest.readFile(ctx, { vmid, path: '/etc/hosts', maxBytes: 1024 }), 'readFile');
  await rejectsWith('guest.not-running', guest.writeFile(ctx, { vmid, path: '/data/x', data: new Uint8Array(1) }), 'writeFile');
}

/** Specs with one thing wrong each. */
function badSpecs(good: MachineSpec, capabilities: Capabilities): [string, Partial<MachineSpec>][] {
  const [disk] = good.disks;
  assert.ok(disk, 'the harness gives a VM with a disk');
  const nic = { slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'none' } as const, ...defaultNic(capabilities.hardware) };
  const specs: [string, Partial<MachineSpec>][] = [
    ['no cores', { cores: 0 }],
    ['one core and a half', { cores: 1.5 }],
    ['more cores than the hypervisor has', { cores: capabilities.maxCores + 1 }],
    ['too little memory', { memoryMiB: capabilities.minMemoryMiB - 1 }],
    ['too much memory', { memoryMiB: capabilities.maxMemoryMiB + 1 }],
    ['a vmid of 0', { vmid: 0 }],
    ['a disk of no bytes', { disks: [{ ...disk, sizeBytes: 0 }] }],
    ['a disk of a negative size', { disks: [{ ...disk, sizeBytes: -1 }] }],
    ['a disk slot with a path in it', { disks: [{ ...disk, slot: '../disk0' }] }],
    ['two disks in one slot', { disks: [disk, { ...disk, path: `${disk.path}.second` }] }],
    ['a relative disk path', { disks: [{ ...disk, path: 'disk0' }] }],
    ['a relative folder', { directory: 'images/1' }],
    ['a relative ISO path', { cdrom: 'tiny.iso' }],
    ['a malformed MAC', { nics: [{ ...nic, mac: '52:54:00:00:00' }] }],
    ['a NIC slot with a comma in it', { nics: [{ ...nic, slot: 'net0,x=y' }] }],
  ];
  for (const name of ['', '-rf', 'a b', '../x', 'a\nb', "a'b", 'a,b=c', 'x'.repeat(10_000)]) {
    specs.push([`the name ${JSON.stringify(name.slice(0, 20))}`, { name }]);
  }
  const attachments = [
    { kind: 'tap', tap: 'nk-t0' },
    { kind: 'bridged', interface: 'nk-b0' },
    { kind: 'udp-tunnel', localPort: 40_000, peerPort: 40_001 },
    { kind: 'none' },
  ] as const;
  for (const attachment of attachments) {
    if (capabilities.nicBackends.includes(attachment.kind)) continue;
    specs.push([`a NIC by ${attachment.kind}, which is not declared`, { nics: [{ ...nic, attachment }] }]);
  }
  return specs;
}

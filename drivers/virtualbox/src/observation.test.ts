import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import type { DriverEvent } from '@nakhoda/driver';
import { machineSpec } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';

import { Consoles } from './consoles.ts';
import { FolderWatches } from './folder-watches.ts';
import { hardwareSupport } from './hardware.ts';
import { machineDocument } from './machine-document.ts';
import { Machines, specPath } from './machines.ts';
import { Observation } from './observation.ts';
import { machineFilePath } from './register.ts';

const hardware = hardwareSupport('interpreter');

/** The files of VMs 100 and 101 as VirtualBox keeps them, and somebody who observes them. */
async function observed(t: TestContext, watches?: (changed: (owner: string, name: string) => void) => FolderWatches) {
  const folder = await mkdtemp(join(tmpdir(), 'nk-ob-'));
  const userHome = join(folder, 'virtualbox');
  await mkdir(userHome);
  const specs = await Promise.all([100, 101].map((vmid) => machineSpec({ folder, vmid, diskFormat: 'vdi', hardware, cdrom: null })));
  const write = async (index: number, memory: number): Promise<void> => {
    const spec = specs[index] ?? assert.fail();
    const path = machineFilePath(spec);
    const { xml } = machineDocument({
      ...{ uuid: spec.uuid, name: `nakhoda-${spec.vmid}`, modifyArgs: ['--memory', String(memory)], now: '' },
      ...{ controllers: [], drives: [], extraData: {} },
    });
    await mkdir(dirname(path), { recursive: true });
    await replace(path, xml);
  };
  const register = (indexes: readonly number[]): Promise<void> => {
    const entries = indexes.map((index) => specs[index] ?? assert.fail());
    const lines = entries.map((spec) => `<MachineEntry uuid="{${spec.uuid}}" src="${machineFilePath(spec)}"/>`);
    const registry = `<VirtualBox><Global><MachineRegistry>${lines.join('')}</MachineRegistry></Global></VirtualBox>`;
    return replace(join(userHome, 'VirtualBox.xml'), registry);
  };
  for (const [index, spec] of specs.entries()) {
    await writeFile(specPath(spec.directory), JSON.stringify(spec));
    await write(index, 128);
  }
  await register([0, 1]);

  const logged: string[] = [];
  const observation = new Observation({
    ...{ userHome, machines: new Machines(userHome), consoles: new Consoles(), log: (line: string) => void logged.push(line) },
    ...(watches ? { watches } : {}),
  });
  const events: string[] = [];
  const done = collect(observation.subscribe(new AbortController().signal), events);
  t.after(async () => {
    observation.close();
    await done;
    await rm(folder, { recursive: true });
  });
  await observation.begin();
  /** Waits for exactly these events, within the contract's second. */
  const expect = async (...wanted: string[]): Promise<void> => {
    await waitFor(() => events.length >= wanted.length, { timeoutMs: 1000, pollMs: 5 });
    assert.deepEqual(events.splice(0), wanted);
  };
  return { specs, write, register, logged, events, expect };
}

/** As VirtualBox does it: the old file is moved away, then the new one into its place. */
async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}-tmp`, content);
  await rename(path, `${path}-prev`).catch(() => undefined);
  await rename(`${path}-tmp`, path);
}

async function collect(events: AsyncIterable<DriverEvent>, into: string[]): Promise<void> {
  for await (const { vmid, kind } of events) into.push(`${vmid} ${kind}`);
}

test('changes of settings, registrations and run records are told as the kernel announces them', async (t) => {
  const { specs, write, register, expect, logged } = await observed(t);
  await write(0, 256);
  await expect('100 settings');
  await write(0, 512);
  await expect('100 settings');
  await register([0]);
  await expect('101 removed');
  await register([0, 1]);
  await expect('101 state');
  await write(1, 256);
  await expect('101 settings');
  // The settings cannot be read any more.
  await rm(dirname(machineFilePath(specs[0] ?? assert.fail())), { recursive: true });
  await expect('100 state', '100 snapshots', '100 settings');
  await write(0, 512);
  await expect('100 state', '100 snapshots', '100 settings');
  assert.deepEqual(logged, []);
});

test('where the kernel watches no more, all VMs are looked at again and again, and the log says why', async (t) => {
  class Refusing extends FolderWatches {
    override get failure(): string {
      return 'ENOSPC: System limit for number of file watchers reached';
    }
  }
  const { write, register, expect, logged } = await observed(t, (changed) => new Refusing(changed));
  await waitFor(() => logged.length > 0, { timeoutMs: 1000, pollMs: 5 });
  assert.match(logged.join(), /cannot be watched: ENOSPC.*every 300 ms.*max_user_watches/);
  await write(0, 256);
  await expect('100 settings');
  await register([0]);
  await expect('101 removed');
  assert.equal(logged.length, 1);
});

test('where the kernel takes watches and announces nothing, that is found out', async (t) => {
  const { write, expect, logged } = await observed(t, () => new FolderWatches(() => undefined));
  await waitFor(() => logged.length > 0, { timeoutMs: 5000, pollMs: 20 });
  assert.match(logged.join(), /are not announced/);
  await write(0, 256);
  await expect('100 settings');
});

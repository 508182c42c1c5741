import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { driverContract, machineSpec, testContext } from '@nakhoda/driver/contract';

import { fakeCapabilities } from './fake-capabilities.ts';
import { fakeImageSize } from './fake-disks.ts';
import { createFakeDriver, type FakeDriver } from './fake-driver.ts';

driverContract({
  name: 'fake',
  required: true,
  async makeHarness() {
    const folder = await mkdtemp(join(tmpdir(), 'nk-fake-'));
    const persistPath = join(folder, 'machines.json');
    const cdrom = join(folder, 'tiny.iso');
    await writeFile(cdrom, 'stands for an ISO image');
    let nextVmid = 100;
    let latest: FakeDriver | undefined;
    const makeDriver = (): FakeDriver => (latest = createFakeDriver({ persistPath }));
    return {
      makeDriver,
      cable: { kind: 'none' },
      imageBytes: async (path) => fakeImageSize(path),
      spec: (overrides = {}) =>
        machineSpec({ folder, vmid: nextVmid++, diskFormat: 'qcow2', hardware: fakeCapabilities.hardware, cdrom, overrides }),
      killMachine: async (vmid) => latest?.crash(vmid),
      panicGuest: async (_driver, vmid) => latest?.panic(vmid),
      leftovers: async () => {
        const machines = await makeDriver().list(testContext());
        const entries = await readdir(folder, { recursive: true, withFileTypes: true });
        const files = entries.filter((entry) => entry.isFile() && !['machines.json', 'tiny.iso'].includes(entry.name));
        return [...machines.map(({ vmid }) => `VM ${vmid}`), ...files.map(({ name }) => name)];
      },
      dispose: () => rm(folder, { recursive: true }),
    };
  },
});

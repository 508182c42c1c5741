import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Driver } from '@nakhoda/driver';
import { createFakeDriver, type FakeDriver, type FakeFaults } from '@nakhoda/driver-fake';
import { pino } from 'pino';

import { type DataFolders, dataFolders } from '../config.ts';
import { type Core, openCore } from '../daemon.ts';
import { createMemoryNetworkHost, type MemoryNetworkHost } from './memory-network-host.ts';

/** A daemon's core on a scratch folder, with the fake driver and a host without networks. */
export interface TestCore extends Core {
  driver: FakeDriver;
  networkHost: MemoryNetworkHost;
  /** Every file and folder below `images/`, sorted. */
  imageFiles(): Promise<string[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Nothing reconciles until `begin` is called. `drivers` are there besides the fake one. */
export async function openTestCore(options: { faults?: FakeFaults; drivers?: (folders: DataFolders) => Driver[] } = {}): Promise<TestCore> {
  const root = await mkdtemp(join(tmpdir(), 'nkc-'));
  const folders = dataFolders(root);
  const driver = createFakeDriver(options.faults ? { faults: options.faults } : {});
  const networkHost = createMemoryNetworkHost();
  const core = await openCore(
    { folders, node: 'local', host: '127.0.0.1', port: 0, owner: '0badc0de', hypervisors: ['fake'] },
    { drivers: [driver, ...(options.drivers?.(folders) ?? [])], networkHost, logger: pino({ level: 'silent' }) },
  );
  return {
    ...core,
    driver,
    networkHost,
    imageFiles: async () => (await readdir(folders.images, { recursive: true })).sort(),
    async [Symbol.asyncDispose]() {
      await core.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Driver } from '@nakhoda/driver';
import { createFakeDriver } from '@nakhoda/driver-fake';
import { createQemuDriver } from '@nakhoda/driver-qemu';
import { createVirtualBoxDriver } from '@nakhoda/driver-virtualbox';
import { cacheFolder, findVirtualBoxRuntime, probeKvm, tinyGuestFolder } from '@nakhoda/host';
import type { Logger } from 'pino';

import type { DaemonConfig } from './config.ts';
import { namedQemu } from './named-qemu.ts';

/** The drivers that the configuration names, each on its part of the data folder. */
export async function createDrivers(config: DaemonConfig, logger: Logger): Promise<Driver[]> {
  const { folders } = config;
  const log = (line: string): void => logger.info(line);
  const makers: Record<DaemonConfig['hypervisors'][number], () => Promise<Driver>> = {
    qemu: async () =>
      createQemuDriver({
        imagesDirectory: folders.images,
        runDirectory: join(folders.run, 'vm'),
        owner: config.owner,
        ...(await namedQemu(process.env)),
        userfaultfd: process.env['NAKHODA_GUARDED_USERFAULTFD'] === '1',
        mediaFolders: [folders.iso, tinyGuestFolder(process.env)],
        probeKvm,
        log,
      }),
    async virtualbox() {
      const cache = cacheFolder(process.env);
      await mkdir(cache, { recursive: true });
      const runtime = await findVirtualBoxRuntime(process.env);
      const account = {
        owner: config.owner,
        lend: [folders.images, join(folders.run, 'vm')],
        show: [folders.iso, tinyGuestFolder(process.env)],
      };
      return createVirtualBoxDriver({ userHome: folders.virtualbox, folders: [folders.root, cache], account, runtime, log });
    },
    fake: async () => createFakeDriver({ persistPath: join(folders.root, 'fake.json') }),
  };
  return Promise.all(config.hypervisors.map((id) => makers[id]()));
}

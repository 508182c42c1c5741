import { mkdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

import type { Driver } from '@nakhoda/driver';
import { createFakeDriver } from '@nakhoda/driver-fake';
import { createQemuDriver, type QemuDriverOptions } from '@nakhoda/driver-qemu';
import { createVirtualBoxDriver } from '@nakhoda/driver-virtualbox';
import { cacheFolder, findQemuRuntime, findVirtualBoxRuntime, probeKvm, tinyGuestFolder } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';
import type { Logger } from 'pino';

import type { DaemonConfig } from './config.ts';

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
      return createVirtualBoxDriver({ userHome: folders.virtualbox, folders: [folders.root, cache], runtime, log });
    },
    fake: async () => createFakeDriver({ persistPath: join(folders.root, 'fake.json') }),
  };
  return Promise.all(config.hypervisors.map((id) => makers[id]()));
}

/** `NAKHODA_QEMU`: a folder with another QEMU, as `nakhoda setup qemu10` makes one. @throws NakhodaError `request.invalid` */
async function namedQemu(env: NodeJS.ProcessEnv): Promise<Pick<QemuDriverOptions, 'programs' | 'programFolders'>> {
  const path = env['NAKHODA_QEMU'];
  if (!path) return {};
  const runtime = isAbsolute(path) ? await findQemuRuntime(path) : null;
  if (runtime) return { programs: runtime.programs, programFolders: [runtime.folder] };
  throw new NakhodaError('request.invalid', {
    message: `NAKHODA_QEMU names ${path}, in which there are no bin/qemu-system-x86_64 and bin/qemu-img.`,
    hint: 'Name the absolute path of a folder that has them, or unset it to use the QEMU of the distribution.',
  });
}

import { mkdir } from 'node:fs/promises';

import { cacheFolder, exec, findVirtualBoxRuntime, runtimeArgv, virtualBoxPrograms } from '@nakhoda/host';

import { programEnvironment } from '../../drivers/virtualbox/src/virtualbox-driver.ts';

/** VBoxManage as a person would type it, on a registry. */
export type VBoxManageByHand = (args: readonly string[]) => Promise<string>;

/**
 * @param options.userHome the registry: one of its own, for a daemon's belongs to the account of that daemon's VirtualBox
 * @param options.folder the data folder; every call on one registry needs the same one
 * @returns null when VirtualBox is not set up
 */
export async function virtualBoxByHand(options: { userHome: string; folder: string }): Promise<VBoxManageByHand | null> {
  const runtime = await findVirtualBoxRuntime(process.env);
  if (runtime === null) return null;
  const cache = cacheFolder(process.env);
  await mkdir(options.userHome, { recursive: true });
  const env = programEnvironment(options.userHome);
  return async (args) => {
    const argv = runtimeArgv(runtime, { binds: [options.folder, cache] }, [`${virtualBoxPrograms}/VBoxManage`, ...args]);
    return (await exec(argv, { env, timeoutMs: 300_000, maxOutputBytes: 64 * 1024 * 1024 })).stdout;
  };
}

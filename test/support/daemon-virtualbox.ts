import { join } from 'node:path';

import { cacheFolder, exec, findVirtualBoxRuntime, networkOwner, tinyGuestFolder, virtualBoxPrograms } from '@nakhoda/host';

import { Account } from '../../drivers/virtualbox/src/account.ts';
import { AdoptedFolders } from '../../drivers/virtualbox/src/foreign/adopted-folders.ts';
import { programEnvironment } from '../../drivers/virtualbox/src/virtualbox-driver.ts';

/** VBoxManage on a registry, with the account and the view of its daemon. Gives standard output. */
export async function daemonVBoxManage(data: string): Promise<(args: readonly string[]) => Promise<string>> {
  return (await daemonVirtualBox(data)).vboxManage;
}

export interface DaemonVirtualBox {
  vboxManage(args: readonly string[]): Promise<string>;
  /** Makes a file or folder the account's. */
  handOver(path: string): Promise<void>;
}

/**
 * The VirtualBox of a data folder as a daemon on it runs it.
 * @throws Error when VirtualBox is not set up
 */
export async function daemonVirtualBox(data: string): Promise<DaemonVirtualBox> {
  const userHome = join(data, 'virtualbox');
  const runtime = await findVirtualBoxRuntime(process.env);
  if (runtime === null) throw new Error('VirtualBox is not set up.');
  const env = programEnvironment(userHome);
  // Read anew for each call: it may start the service, which has to see what the daemon has adopted meanwhile.
  const adopted = (): string[] => new AdoptedFolders(userHome, runtime).present();
  const account = new Account({
    ...{ userHome, runtime, env, adopted },
    binds: () => [data, cacheFolder(process.env), ...adopted()],
    account: {
      owner: networkOwner(data),
      lend: [join(data, 'images'), join(data, 'run', 'vm')],
      show: [join(data, 'iso'), tinyGuestFolder(process.env)],
    },
  });
  await account.state();
  return {
    handOver: (path) => account.handOver(path),
    async vboxManage(args) {
      const argv = await account.command(`${virtualBoxPrograms}/VBoxManage`, args);
      return (await exec(argv, { env, timeoutMs: 300_000, maxOutputBytes: 64 * 1024 * 1024 })).stdout;
    },
  };
}

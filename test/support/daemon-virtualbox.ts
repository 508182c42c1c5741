import { join } from 'node:path';

import { cacheFolder, exec, findVirtualBoxRuntime, networkOwner, tinyGuestFolder, virtualBoxPrograms } from '@nakhoda/host';

import { Account } from '../../drivers/virtualbox/src/account.ts';
import { AdoptedFolders } from '../../drivers/virtualbox/src/foreign/adopted-folders.ts';
import { programEnvironment } from '../../drivers/virtualbox/src/virtualbox-driver.ts';

/** Runs VBoxManage on the VirtualBox of a daemon, as the daemon does: with the same account, and the same view; gives standard output. */
export async function daemonVBoxManage(data: string, args: readonly string[]): Promise<string> {
  const userHome = join(data, 'virtualbox');
  const runtime = (await findVirtualBoxRuntime(process.env)) ?? { kind: 'system' as const, root: null, version: '' };
  const env = programEnvironment(userHome);
  const folders = new AdoptedFolders(userHome, runtime);
  const account = new Account({
    ...{ userHome, runtime, env, adopted: () => folders.present() },
    binds: () => [data, cacheFolder(process.env), ...folders.present()],
    account: {
      owner: networkOwner(data),
      lend: [join(data, 'images'), join(data, 'run', 'vm')],
      show: [join(data, 'iso'), tinyGuestFolder(process.env)],
    },
  });
  return (await exec(await account.command(`${virtualBoxPrograms}/VBoxManage`, args), { env, timeoutMs: 60_000 })).stdout;
}

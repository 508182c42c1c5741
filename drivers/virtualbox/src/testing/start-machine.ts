// Stands for a daemon that is killed while it starts a VM: `start-machine.ts FOLDER VMID`.
import { join } from 'node:path';

import { testContext } from '@nakhoda/driver/contract';
import { cacheFolder, findVirtualBoxRuntime } from '@nakhoda/host';

import { createVirtualBoxDriver } from '../virtualbox-driver.ts';
import { testAccount } from './test-account.ts';

const [folder = '', vmid = ''] = process.argv.slice(2);
const driver = createVirtualBoxDriver({
  userHome: join(folder, 'virtualbox'),
  folders: [folder, cacheFolder(process.env)],
  account: testAccount(folder),
  runtime: await findVirtualBoxRuntime(process.env),
  log: (line) => console.log(line),
});
await driver.start(testContext(), { vmid: Number(vmid) });

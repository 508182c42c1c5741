// Stands for a daemon that is killed while it clones a VM: `clone-machine.ts FOLDER`, with `CloneOptions` as JSON in FOLDER/clone.json.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { CloneOptions } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { cacheFolder, findVirtualBoxRuntime } from '@nakhoda/host';

import { createVirtualBoxDriver } from '../virtualbox-driver.ts';
import { testAccount } from './test-account.ts';

const [folder = ''] = process.argv.slice(2);
const driver = createVirtualBoxDriver({
  userHome: join(folder, 'virtualbox'),
  folders: [folder, cacheFolder(process.env)],
  account: testAccount(folder),
  runtime: await findVirtualBoxRuntime(process.env),
  log: (line) => console.log(line),
});
await driver.clone?.(testContext(), JSON.parse(await readFile(join(folder, 'clone.json'), 'utf8')) as CloneOptions);

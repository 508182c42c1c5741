import { join } from 'node:path';

import { cacheFolder, networkOwner } from '@nakhoda/host';

import type { AccountOptions } from '../account.ts';

/** VirtualBox's account for a test's data folder, laid out as `machineSpec` does. */
export function testAccount(folder: string): AccountOptions {
  return { owner: networkOwner(folder), lend: [join(folder, 'images'), join(folder, 'run')], show: [cacheFolder(process.env)] };
}

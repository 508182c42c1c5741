// Run by snapshot-kill.real.test.ts as a daemon that is killed: FOLDER VMID take|take-memory|rollback|delete NAME.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { testContext } from '@nakhoda/driver/contract';

import { createQemuDriver } from '../driver.ts';

const [folder = '', number = '', order, name = ''] = process.argv.slice(2);
const vmid = Number(number);
const driver = createQemuDriver({
  imagesDirectory: join(folder, 'images'),
  runDirectory: join(folder, 'run'),
  probeKvm: () => Promise.resolve({ ok: false, reason: 'The test does without it.' }),
});
const ctx = testContext();
assert.ok(driver.snapshots);
await driver.list(ctx);
process.stdout.write('begun\n');
if (order === 'rollback') await driver.snapshots.rollback(ctx, { vmid, name });
else if (order === 'delete') await driver.snapshots.delete(ctx, { vmid, name });
else await driver.snapshots.take(ctx, { vmid, name, description: '', memory: order === 'take-memory' });
process.stdout.write('done\n');
await driver.close();

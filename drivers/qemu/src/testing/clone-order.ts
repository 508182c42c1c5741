// Run by clones.real.test.ts as a daemon that is killed: FOLDER SOURCE SPEC, the last as JSON.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';

import { createQemuDriver } from '../driver.ts';

const [folder = '', source = '', spec = ''] = process.argv.slice(2);
const driver = createQemuDriver({
  imagesDirectory: join(folder, 'images'),
  runDirectory: join(folder, 'run'),
  probeKvm: () => Promise.resolve({ ok: false, reason: 'The test does without it.' }),
});
const ctx = testContext();
assert.ok(driver.clone);
// What QEMU can do is asked once, and takes a moment.
await driver.probe(ctx);
await driver.list(ctx);
process.stdout.write('begun\n');
await driver.clone(ctx, { source: Number(source), snapshot: null, linked: false, spec: JSON.parse(spec) as MachineSpec });
process.stdout.write('done\n');
await driver.close();

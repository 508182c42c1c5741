import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { machineSpec, testContext } from '@nakhoda/driver/contract';

import { hardwareSupport } from './hardware.ts';
import { createVirtualBoxDriver, programEnvironment } from './virtualbox-driver.ts';

test('without VirtualBox the driver says so, with the remedy, and knows no VMs', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-vb-'));
  t.after(() => rm(folder, { recursive: true }));
  const driver = createVirtualBoxDriver({ userHome: join(folder, 'virtualbox'), folders: [folder], runtime: null, log: () => {} });
  const ctx = testContext();
  assert.deepEqual(await driver.probe(ctx), {
    usable: false,
    version: null,
    execution: null,
    reasons: ['VirtualBox is not installed.'],
    remedy: 'Run `./nakhoda setup virtualbox`.',
  });
  assert.deepEqual(await driver.list(ctx), []);
  assert.equal(await driver.inspect(ctx, { vmid: 100 }), null);
  await driver.undefine(ctx, { vmid: 100 });
  const spec = await machineSpec({ folder, vmid: 100, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: null });
  await assert.rejects(driver.define(ctx, { spec }), { code: 'hypervisor.unusable' });
  await assert.rejects(driver.start(ctx, { vmid: 100 }), { code: 'vm.not-found' });
  await driver.close();
});

test("each data folder's VirtualBox is apart from all others, by a short name", () => {
  const one = programEnvironment('/srv/one/virtualbox');
  assert.equal(one['VBOX_USER_HOME'], '/srv/one/virtualbox');
  assert.match(one['VBOX_IPC_SOCKETID'] ?? '', /^nakhoda-[0-9a-f]{12}$/);
  assert.notEqual(programEnvironment('/srv/two/virtualbox')['VBOX_IPC_SOCKETID'], one['VBOX_IPC_SOCKETID']);
  assert.equal(programEnvironment('/srv/one/virtualbox')['VBOX_IPC_SOCKETID'], one['VBOX_IPC_SOCKETID']);
});

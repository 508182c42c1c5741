import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isRequired, testContext } from '@nakhoda/driver/contract';

import { findQemu10, noQemu10 } from './testing/qemu10.ts';
import { makeRealQemu } from './testing/real-qemu.ts';

test('a VM whose disk has a thread of its own is defined and started by a QEMU that can do it alone', async (t) => {
  const qemu10 = await findQemu10();
  if (qemu10 === null) {
    assert.ok(!isRequired('qemu10'), noQemu10);
    t.skip(noQemu10);
    return;
  }
  await using harness = await makeRealQemu({ isolate: false });
  const ctx = testContext();
  const plain = await harness.spec();
  const spec = { ...plain, cdrom: null, disks: plain.disks.map((disk) => ({ ...disk, iothread: true })) };
  const { vmid } = spec;

  const able = await harness.makeDriver(qemu10);
  await able.define(ctx, { spec });
  assert.ok(able.capabilities().hardware.fields.includes('iothread'));
  await able.start(ctx, { vmid });
  const [pid] = await harness.pids(vmid);
  assert.ok(pid !== undefined);
  await able.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await able.close();

  // Where the system's own can do it too, there is nothing to refuse.
  if (qemu10.programs === undefined) return;
  const unable = await harness.makeDriver();
  await assert.rejects(unable.start(ctx, { vmid }), { code: 'vm.start-failed', message: /threads of their own\. QEMU 7\./ });
  assert.deepEqual(await harness.pids(vmid), []);
  await assert.rejects(unable.define(ctx, { spec }), { code: 'vm.spec-invalid' });
  const { fields, reasons } = unable.capabilities().hardware;
  assert.ok(!fields.includes('iothread'));
  assert.match(reasons['iothread'] ?? '', /^QEMU 7\.\d+\.\d+ can die/);
  await unable.undefine(ctx, { vmid });
  await unable.close();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { driverContract, isRequired } from '@nakhoda/driver/contract';

import { findQemu10, noQemu10 } from './testing/qemu10.ts';
import { makeRealQemu } from './testing/real-qemu.ts';

/** What depends on the guest, or on us, and not on QEMU's version or a disk's thread: the suite on the other QEMU has it. */
const leftOut = ['serial port', 'commands in the guest', 'files in the guest', 'facts and orders of the guest', 'screen and keyboard'];

const qemu10 = await findQemu10();
if (qemu10 === null)
  test('driver contract: qemu, version 10', (t) => {
    assert.ok(!isRequired('qemu10'), noQemu10);
    t.skip(noQemu10);
  });
else
  driverContract({
    name: 'qemu',
    variant: 'version 10, with a thread for each disk',
    leftOut,
    required: isRequired('qemu10'),
    async makeHarness() {
      const harness = await makeRealQemu(qemu10);
      return {
        ...harness,
        hotplugDisk: { iothread: true },
        async spec(overrides) {
          const spec = await harness.spec(overrides);
          return { ...spec, disks: spec.disks.map((disk) => ({ ...disk, iothread: true })) };
        },
      };
    },
  });

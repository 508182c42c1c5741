import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleDisk, runningVm } from '../../testing/example-hardware.ts';
import { fieldPlace, runningHardware } from './running-hardware.ts';

test('what is pending is put back to what the run has', () => {
  const wanted = runningVm({ memoryMiB: 1024, disks: [exampleDisk('disk0'), exampleDisk('disk1')] });
  const running = runningHardware({
    ...wanted,
    pending: [
      { field: 'memoryMiB', running: 512, wanted: 1024 },
      { field: 'disks.disk0.bus', running: 'scsi', wanted: 'virtio' },
      { field: 'disks.disk1', running: null, wanted: exampleDisk('disk1') },
      { field: 'nics.net1', running: { ...wanted.nics[0], slot: 'net1' }, wanted: null },
      { field: 'nics.net0.model', running: 'e1000', wanted: 'virtio' },
    ],
  });
  assert.equal(running.memoryMiB, 512);
  assert.deepEqual(
    running.disks.map(({ slot, bus }) => [slot, bus]),
    [['disk0', 'scsi']],
  );
  assert.deepEqual(
    running.nics.map(({ slot, model }) => [slot, model]),
    [
      ['net0', 'e1000'],
      ['net1', 'virtio'],
    ],
  );
});

test('the VM itself is left as it is, and is what runs when nothing is pending', () => {
  const vm = runningVm();
  assert.equal(runningHardware(vm), vm);
  const pending = runningVm({ pending: [{ field: 'disks.disk0.bus', running: 'ide', wanted: 'virtio' }] });
  runningHardware(pending);
  assert.equal(pending.disks[0]?.bus, 'virtio');
});

test('a pending field tells where it lies', () => {
  assert.deepEqual(fieldPlace('memoryMiB'), { list: 'memoryMiB', slot: null, part: null });
  assert.deepEqual(fieldPlace('disks.disk1.bus'), { list: 'disks', slot: 'disk1', part: 'bus' });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleDisk, runningVm } from '../../testing/example-hardware.ts';
import { hardwareRows } from './hardware-rows.ts';

test('every piece has its line, in one order, and nothing is pending where nothing is', () => {
  const rows = hardwareRows(runningVm());
  assert.deepEqual(
    rows.map(({ key }) => key),
    [
      ...['memory', 'processors', 'firmware', 'machine', 'display', 'boot', 'cdrom', 'disk0', 'net0'],
      ...['serial', 'audio', 'rng', 'watchdog', 'hostDevices'],
    ],
  );
  assert.ok(rows.every(({ change, pending }) => change === 'none' && pending.length === 0));
});

test('what comes, goes and changes with the next start is marked, also a disk that only the run has', () => {
  const rows = hardwareRows(
    runningVm({
      disks: [exampleDisk('disk1')],
      pending: [
        { field: 'balloonMiB', running: 0, wanted: 64 },
        { field: 'disks.disk0', running: exampleDisk('disk0'), wanted: null },
        { field: 'disks.disk1', running: null, wanted: exampleDisk('disk1') },
        { field: 'nics.net0.model', running: 'e1000', wanted: 'virtio' },
        { field: 'cloudInit', running: null, wanted: {} },
      ],
    }),
  );
  const changes = Object.fromEntries(rows.filter(({ change }) => change !== 'none').map(({ key, change }) => [key, change]));
  assert.deepEqual(changes, { memory: 'changes', disk0: 'leaves', disk1: 'arrives', net0: 'changes', cloudInit: 'changes' });
});

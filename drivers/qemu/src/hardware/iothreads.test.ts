import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type MachineDisk, type MachineSpec, defaultDisk, fixedHardware } from '@nakhoda/driver';

import { diskParts } from './disks.ts';
import { iothreadBusProblem, iothreadProblem } from './iothreads.ts';

const parts = (changes: Partial<MachineDisk>, machine: MachineSpec['machine'] = 'q35') =>
  diskParts(
    { machine, bootOrder: [] },
    { slot: 'disk1', path: '/d/disk1', format: 'raw', sizeBytes: 1024, ...defaultDisk(fixedHardware), iothread: true, ...changes },
    [{ layer: 0, path: '/d/disk1', format: 'raw' }],
  );
const threads = ({ objects = [] }: ReturnType<typeof parts>) => objects.filter((object) => object['qom-type'] === 'iothread');

test('a thread for each disk, which its controller uses', () => {
  const thread = [{ 'qom-type': 'iothread', 'id': 'disk1-iothread' }];
  for (const bus of ['virtio', 'scsi'] as const) {
    const made = parts({ bus });
    assert.deepEqual(threads(made), thread);
    assert.equal(made.devices[0]?.['iothread'], 'disk1-iothread', bus);
    for (const device of made.devices.slice(1)) assert.ok(!('iothread' in device));
  }
});

test('none where none is asked for', () => {
  const plain = parts({ iothread: false });
  assert.deepEqual(threads(plain), []);
  const { iothread: _iothread, ...device } = parts({}).devices[0] ?? {};
  assert.deepEqual(plain.devices, [device]);
});

test('versions that cannot be trusted with it are denied, and buses without it refused', () => {
  for (const version of ['7.2.22', '8.2.2', '9.2.0', '6.2', null])
    assert.match(iothreadProblem(version) ?? '', /^QEMU .*\.$/, `${version}`);
  for (const version of ['10.0.2', '10.0', '11.0.0']) assert.equal(iothreadProblem(version), null, version);
  assert.match(iothreadBusProblem({ bus: 'sata', iothread: true }) ?? '', /sata/);
  assert.equal(iothreadBusProblem({ bus: 'sata' }), null);
  assert.equal(iothreadBusProblem({ bus: 'scsi', iothread: true }), null);
});

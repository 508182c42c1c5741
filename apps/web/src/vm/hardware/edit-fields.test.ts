import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleCapabilities, runningVm } from '../../testing/example-hardware.ts';
import { hardwareField, hardwareFields, schemaField } from './edit-fields.ts';

const capabilities = exampleCapabilities();
const vm = runningVm();

test('what the hypervisor does not offer is off, with its reason or an empty one', () => {
  assert.equal(hardwareField('vm.set', 'tpm', vm, capabilities).off, 'It has no TPM.');
  assert.equal(hardwareField('vm.set', 'audio', vm, capabilities).off, '');
  assert.equal(hardwareField('vm.set', 'sockets', vm, capabilities).off, 'It has one socket.');
  assert.equal(hardwareField('vm.set', 'machine', vm, capabilities).off, 'It has one chipset.');
  assert.equal(hardwareField('vm.set', 'rng', vm, capabilities).off, '');
  assert.equal(hardwareField('disk.set', 'ssd', vm, capabilities).off, undefined);
});

test('choices that are not offered stay in sight behind those that are', () => {
  const { choices, limits, off } = hardwareField('disk.set', 'bus', vm, capabilities);
  assert.deepEqual(
    choices?.map((choice) => `${choice.value}${choice.off ? ' (off)' : ''}`),
    ['sata', 'ide', 'virtio (off)', 'scsi (off)', 'nvme (off)'],
  );
  assert.deepEqual([limits, off], ['It has no others.', undefined]);
});

test('numbers have the limits of the schema and of the hypervisor, whichever is narrower', () => {
  const limitsOf = (name: string) => {
    const { kind, min, max } = hardwareField('vm.set', name, vm, capabilities);
    return [kind, min, max];
  };
  assert.deepEqual(limitsOf('memoryMiB'), ['integer', 64, 4096]);
  assert.deepEqual(limitsOf('cores'), ['integer', 1, 8]);
  assert.deepEqual(limitsOf('serialPorts'), ['integer', 1, 2]);
  assert.deepEqual(limitsOf('cpuLimit'), ['number', 0, 256]);
});

test('the boot order offers all devices, first those that are booted from', () => {
  const [field] = hardwareFields('boot', runningVm({ bootOrder: ['disk0'] }), capabilities);
  assert.deepEqual([field?.kind, field?.choices?.map(({ value }) => value)], ['order', ['disk0', 'cdrom', 'net0']]);
});

test('options come from the schema alone', () => {
  assert.deepEqual(
    schemaField('vm.set', 'crashPolicy').choices?.map(({ value }) => value),
    ['leave', 'restart', 'pause'],
  );
  assert.equal(schemaField('vm.set', 'tags').kind, 'lines');
  assert.equal(schemaField('vm.set', 'autostart').kind, 'yes-no');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runningVm } from '../../testing/example-hardware.ts';
import { changeEffect } from './change-effect.ts';

const hotplug = ['disks', 'linkUp', 'memoryMiB', 'diskLimits'];

test('a VM that does not run has it with its next start', () => {
  assert.equal(changeEffect('memoryMiB', runningVm({ state: 'stopped' }), hotplug), 'saved');
});

test('a running one takes what its hypervisor says, tries what depends, and waits with the rest', () => {
  const vm = runningVm({ memoryMaxMiB: 1024 });
  const effects = ['memoryMiB', 'disks', 'mbpsLimit', 'network', 'nics', 'sizeGiB', 'display', 'cores'].map((field) => [
    field,
    changeEffect(field, vm, hotplug),
  ]);
  assert.deepEqual(Object.fromEntries(effects), {
    memoryMiB: 'now',
    disks: 'now',
    mbpsLimit: 'now',
    network: 'tried',
    nics: 'next-start',
    sizeGiB: 'next-start',
    display: 'next-start',
    cores: 'next-start',
  });
  assert.equal(changeEffect('mbpsLimit', vm, []), 'tried');
});

test('more memory is promised only to a run that was started with room for it', () => {
  assert.equal(changeEffect('memoryMiB', runningVm(), hotplug), 'tried');
  const later = runningVm({ memoryMaxMiB: 1024, pending: [{ field: 'memoryMaxMiB', running: 0, wanted: 1024 }] });
  assert.equal(changeEffect('memoryMiB', later, hotplug), 'tried');
});

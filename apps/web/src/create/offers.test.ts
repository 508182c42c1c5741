import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleHypervisor } from '../testing/example-hypervisor.ts';
import { adviseHypervisor } from './advice.ts';
import { choicesOf, offerOf } from './offers.ts';

test('a list of one is no choice, with the reason of the hypervisor', () => {
  const one = exampleHypervisor();
  assert.deepEqual(offerOf(one, 'firmware'), { offered: false, reason: 'UEFI needs the package ovmf.' });
  assert.deepEqual(offerOf(one, 'diskBus'), { offered: true });
  assert.deepEqual(offerOf(one, 'diskIopsLimit'), { offered: false, reason: 'Not here.' });
  assert.deepEqual(offerOf(one, 'diskSsd'), { offered: true });
  assert.deepEqual(offerOf(one, 'name'), { offered: true });
  assert.deepEqual(offerOf(undefined, 'tpm'), { offered: true });
});

test('choices begin with what a VM gets unasked, and end with what is not here', () => {
  assert.deepEqual(
    choicesOf(exampleHypervisor(), 'diskBus').map(({ value, offered }) => `${offered ? '+' : '-'}${value}`),
    ['+virtio', '+sata', '-scsi', '-ide', '-nvme'],
  );
  // A processor's name is no enumeration: only what the hypervisor has.
  assert.deepEqual(
    choicesOf(exampleHypervisor(), 'cpuModel').map(({ value }) => value),
    ['default', 'x86-64-v2-AES'],
  );
});

test('the fastest that is usable is advised', () => {
  const tcg = exampleHypervisor();
  const hardware = exampleHypervisor({ id: 'virtualbox', execution: { mode: 'hardware', reason: '' } });
  assert.equal(adviseHypervisor([tcg, hardware])?.id, 'virtualbox');
  assert.equal(adviseHypervisor([tcg, { ...hardware, usable: false }])?.id, 'qemu');
  assert.equal(
    adviseHypervisor([exampleHypervisor({ id: 'virtualbox', execution: { mode: 'interpreter', reason: '' } }), tcg])?.id,
    'qemu',
  );
  assert.equal(adviseHypervisor([]), undefined);
});

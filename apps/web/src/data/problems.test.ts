import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleVm } from '../testing/example-vm.ts';
import { findProblems } from './problems.ts';

const nothing = { vms: [], networks: [], hypervisors: [], tasks: [], facts: [] };

test('nothing wrong, nothing told', () => {
  assert.deepEqual(findProblems({ ...nothing, vms: [exampleVm(), exampleVm({ vmid: 101, changedOutside: [] })] }), []);
});

test('the worst comes first, each with its evidence and, where there is one, its remedy', () => {
  const problems = findProblems({
    ...nothing,
    vms: [
      exampleVm({ vmid: 100, changedOutside: ['memoryMiB'] }),
      exampleVm({ vmid: 101, state: 'crashed', stateReason: 'QEMU was ended by signal 9.' }),
    ],
    facts: [
      { id: 'virt', title: 'Hardware virtualization', value: 'none', status: 'missing', reason: 'No VT-x.', remedy: 'Switch it on.' },
      { id: 'os', title: 'System', value: 'Debian', status: 'good', reason: '' },
    ],
  });
  assert.deepEqual(
    problems.map(({ id, severity, evidence, remedy }) => [id, severity, evidence, remedy]),
    [
      ['vm/101/crashed', 'danger', 'QEMU was ended by signal 9.', null],
      ['host/virt', 'warning', 'No VT-x.', 'Switch it on.'],
      ['vm/100/changed', 'warning', 'memoryMiB', null],
    ],
  );
});

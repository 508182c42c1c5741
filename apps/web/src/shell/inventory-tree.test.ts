import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleVm } from '../testing/example-vm.ts';
import { buildTree, treeViews, visibleRows, type TreeView } from './inventory-tree.ts';

const words = { datacenter: 'Datacenter', noFolder: 'No folder', noTag: 'No tag', noNetwork: 'No network' };
const nic = (slot: string, network: string) => ({ slot, network, mac: '02:4e:4b:00:00:01', model: 'virtio' as const, linkUp: true });
const vms = [
  exampleVm({ vmid: 100, name: 'a', tags: ['x', 'y'], folder: 'Course/week 1', nics: [nic('net0', 'lab'), nic('net1', 'lab')] }),
  exampleVm({ vmid: 101, name: 'b', hypervisor: 'virtualbox', folder: 'Course' }),
  exampleVm({ vmid: 102, name: 'c', tags: ['x'] }),
];
const inventory = { vms, networks: [], hypervisors: [] };

/** The tree as indented text. */
function drawn(view: TreeView, closed: readonly string[] = []): string[] {
  return visibleRows(buildTree(view, inventory, words), new Set(closed)).map(({ node, level }) => `${'  '.repeat(level - 1)}${node.label}`);
}

test('each view shows every VM where people look for it', () => {
  assert.deepEqual(drawn('server'), ['Datacenter', '  local', '    a', '    b', '    c']);
  assert.deepEqual(drawn('hypervisor'), ['Datacenter', '  qemu', '    a', '    c', '  virtualbox', '    b']);
  assert.deepEqual(drawn('folder'), ['Datacenter', '  Course', '    week 1', '      a', '    b', '  No folder', '    c']);
  assert.deepEqual(drawn('tag'), ['Datacenter', '  x', '    a', '    c', '  y', '    a', '  No tag', '    b']);
  assert.deepEqual(drawn('network'), ['Datacenter', '  lab', '    a', '  No network', '    b', '    c']);
});

test('what is closed hides what is in it, and rows tell their place', () => {
  assert.deepEqual(drawn('folder', ['folder/Course']), ['Datacenter', '  Course', '  No folder', '    c']);
  const rows = visibleRows(buildTree('server', inventory, words), new Set());
  assert.deepEqual(
    rows.map(({ position, siblings, parent }) => [position, siblings, parent]),
    [
      [1, 1, null],
      [1, 1, 'datacenter'],
      [1, 3, 'node/local'],
      [2, 3, 'node/local'],
      [3, 3, 'node/local'],
    ],
  );
});

test('no two rows have the same id', () => {
  for (const view of treeViews) {
    const ids = visibleRows(buildTree(view, inventory, words), new Set()).map(({ node }) => node.id);
    assert.equal(new Set(ids).size, ids.length, view);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { vmActions, type Snapshot } from '@nakhoda/schema';
import fc from 'fast-check';

import { exampleDisk, exampleRecord } from '../testing/example-vm.ts';
import {
  refuseClonedSnapshot,
  refuseClonedVm,
  refuseTemplate,
  refuseTemplateChange,
  type TemplateFacts,
  templateRefusal,
} from './templates.ts';

const vm = exampleRecord();
const template = exampleRecord({ template: true });
const cloneOf = (snapshot: string | null, vmid = 101) => exampleRecord({ vmid, name: `c${vmid}`, linkedTo: { vmid: 100, snapshot } });
const snapshotOf = (name: string, parent: string | null): Snapshot => ({
  ...{ name, parent, description: '', createdAt: '2026-01-01T00:00:00.000Z', memory: false, current: false },
});
const facts: TemplateFacts = { stopped: true, suspended: false, snapshots: [], all: [vm] };

test('a template takes what leaves its disks alone', () => {
  const refused = vmActions.filter((action) => templateRefusal(template, action) !== null);
  assert.deepEqual(refused, ['start', 'snapshot-take', 'snapshot-rollback', 'snapshot-delete']);
  assert.deepEqual(
    vmActions.filter((action) => templateRefusal(vm, action) !== null),
    [],
  );
  assert.throws(() => refuseTemplate(template, 'start'), { code: 'vm.is-template', hint: /vm clone web.*--template no/u });
});

test('what linked clones lie on is not deleted: the VM, their snapshot, and all that it grows from', () => {
  const tree = [snapshotOf('a', null), snapshotOf('b', 'a'), snapshotOf('c', 'b'), snapshotOf('d', 'a')];
  const all = [vm, cloneOf('b')];
  assert.throws(() => refuseClonedVm(vm, all), { code: 'vm.has-clones', message: /c101/u });
  refuseClonedVm(vm, [vm]);
  for (const name of ['a', 'b']) assert.throws(() => refuseClonedSnapshot(vm, name, tree, all), { code: 'vm.has-clones' });
  for (const name of ['c', 'd', 'nowhere']) refuseClonedSnapshot(vm, name, tree, all);
});

test('no order of deletions takes from a clone what its disks lie on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { minLength: 1, maxLength: 12 }),
      fc.nat(),
      fc.array(fc.nat(), { maxLength: 20 }),
      (parents, base, tries) => {
        let tree = parents.map((seed, index) => snapshotOf(`s${index}`, index === 0 || seed % 3 === 0 ? null : `s${seed % index}`));
        const from = `s${base % parents.length}`;
        const line = (names: Snapshot[]): string[] => {
          const found: string[] = [];
          for (let at: string | null = from; at !== null; at = names.find(({ name }) => name === at)?.parent ?? null) found.push(at);
          return found;
        };
        const before = line(tree);
        for (const seed of tries) {
          const name = tree[seed % tree.length]?.name ?? '';
          try {
            refuseClonedSnapshot(vm, name, tree, [vm, cloneOf(from)]);
          } catch {
            continue;
          }
          const gone = tree.find((one) => one.name === name);
          tree = tree.filter((one) => one !== gone).map((one) => (one.parent === name ? { ...one, parent: gone?.parent ?? null } : one));
        }
        assert.deepEqual(line(tree), before);
      },
    ),
  );
});

test('a VM becomes a template when nothing of it goes on, and stays one while clones lie on it', () => {
  const become = (more: Partial<TemplateFacts>) => () => refuseTemplateChange(vm, template, { ...facts, ...more });
  become({})();
  assert.throws(become({ stopped: false }), { code: 'vm.wrong-state', message: /runs/u });
  assert.throws(become({ suspended: true }), { code: 'vm.wrong-state', message: /suspended/u });
  assert.throws(become({ snapshots: [snapshotOf('s1', null)] }), { code: 'vm.wrong-state', message: /snapshot s1/u });
  refuseTemplateChange(template, vm, facts);
  assert.throws(() => refuseTemplateChange(template, vm, { ...facts, all: [template, cloneOf(null)] }), { code: 'vm.has-clones' });
  const grown = exampleRecord({ template: true, disks: [{ ...exampleDisk('disk0', 'disk-0.qcow2'), sizeGiB: 8 }] });
  assert.throws(() => refuseTemplateChange(template, grown, facts), { code: 'vm.is-template' });
  refuseTemplateChange(template, exampleRecord({ template: true, memoryMiB: 2048 }), facts);
});
